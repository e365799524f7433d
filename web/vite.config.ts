import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env["SHORTLIST_SERVER"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    // Into the Python package, so that users of the wheel need no node. `public/.gitkeep` is copied along:
    // emptying the folder would otherwise delete the one file git tracks there.
    outDir: "../shortlist/doors/http/console",
    emptyOutDir: true,
    // A strict Content-Security-Policy allows neither inline scripts nor data: images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": server, "/health": server } },
  test: {
    environment: "happy-dom",
    setupFiles: ["src/test/setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
  },
});
