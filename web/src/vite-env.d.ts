/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Address of a server on another origin, for example http://127.0.0.1:8000. Empty: the same origin. */
  readonly VITE_API_BASE?: string;
}
