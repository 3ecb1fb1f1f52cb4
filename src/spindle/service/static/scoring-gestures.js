// Wheel, mouse and fingers on the panels: zoom, move, select. What they mean is the page's business.

const CLICK_PX = 4;

// `page` has window() → [from, to], move(from, to), select(first, last), epochAt(seconds), reset().
export function listen(panel, chart, page) {
  const { cover, name } = panel;
  const pointers = new Map();
  let begun = null;
  const secondsAt = (clientX, [from, to] = page.window()) => {
    const box = cover.getBoundingClientRect();
    return from + ((clientX - box.left - chart.left) / chart.width) * (to - from);
  };

  cover.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [from, to] = page.window();
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (sideways) {
      const by = ((event.deltaX || event.deltaY) / chart.width) * (to - from);
      page.move(from + by, to + by);
      return;
    }
    const at = secondsAt(event.clientX);
    const factor = Math.exp(Math.max(-1, Math.min(1, event.deltaY / (event.deltaMode ? 10 : 300))));
    page.move(at - (at - from) * factor, at + (to - at) * factor);
  }, { passive: false });

  cover.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    cover.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event.clientX);
    const selects = name === "hypnogram" || event.shiftKey;
    begun = { x: event.clientX, window: page.window(), selects, moved: false, apart: spread(pointers) };
  });

  cover.addEventListener("pointermove", (event) => {
    if (!begun || !pointers.has(event.pointerId)) return;
    pointers.set(event.pointerId, event.clientX);
    if (Math.abs(event.clientX - begun.x) > CLICK_PX) begun.moved = true;
    if (!begun.moved) return;
    const [from, to] = begun.window;
    if (pointers.size > 1) {
      const middle = [...pointers.values()].reduce((sum, x) => sum + x, 0) / pointers.size;
      const factor = Math.max(begun.apart, 10) / Math.max(spread(pointers), 10);
      const at = secondsAt(middle, begun.window);
      page.move(at - (at - from) * factor, at + (to - at) * factor);
    } else if (begun.selects) {
      const ends = [secondsAt(begun.x, begun.window), secondsAt(event.clientX)].map(page.epochAt);
      page.select(Math.min(...ends), Math.max(...ends));
    } else {
      const by = ((begun.x - event.clientX) / chart.width) * (to - from);
      page.move(from + by, to + by);
    }
  });

  const end = (event) => {
    if (!pointers.delete(event.pointerId) || !begun) return;
    if (!begun.moved && event.type === "pointerup" && pointers.size === 0) {
      const epoch = page.epochAt(secondsAt(event.clientX));
      page.select(epoch, epoch);
    }
    if (pointers.size === 0) begun = null;
    else begun = { ...begun, x: [...pointers.values()][0], window: page.window(), moved: true };
  };
  cover.addEventListener("pointerup", end);
  cover.addEventListener("pointercancel", end);
  cover.addEventListener("dblclick", () => page.reset());
}

function spread(pointers) {
  const places = [...pointers.values()];
  return Math.max(...places) - Math.min(...places);
}
