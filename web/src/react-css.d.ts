import "react";

declare module "react" {
  interface CSSProperties {
    /** Custom properties that the style sheets read. */
    [name: `--${string}`]: string | number | undefined;
  }
}
