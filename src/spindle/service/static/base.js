import { ask, onClick } from "./api.js";

onClick("sign-out", async () => {
  await ask("DELETE", "/session");
  location.assign("/sign-in");
});
