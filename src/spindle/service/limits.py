"""How often somebody may ask: counters in memory, which a restart forgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

SIGN_INS_PER_MINUTE = 10
"""Guesses of a password, from one address or for one name."""


class RateLimit:
    """A bucket per key, filled `per_minute` times a minute, with room for as many at once."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        """Take one from the bucket and return 0, or return how long to wait until there is one."""
        with self._lock:
            now = self._clock()
            if len(self._buckets) > 10_000:
                self._buckets = {name: one for name, one in self._buckets.items() if now - one[1] < 60}
            left, at = self._buckets.get(key, (float(self.per_minute), now))
            left = min(self.per_minute, left + (now - at) * self.per_minute / 60)
            if left < 1:
                self._buckets[key] = (left, now)
                return (1 - left) * 60 / self.per_minute
            self._buckets[key] = (left - 1, now)
            return 0.0
