import { cleanup } from "@testing-library/react";
import { afterEach, vi } from "vitest";

import { forgetAll } from "../panels/shortlist/sitting";

afterEach(() => {
  cleanup();
  forgetAll();
  vi.unstubAllGlobals();
  window.history.replaceState(null, "", "#");
});
