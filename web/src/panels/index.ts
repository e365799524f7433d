/** The panels of the console, in the order of the navigation. Adding one is a folder and a row here. */
import type { ComponentType } from "react";

import type { IconName } from "../components/Icon";
import { ShortlistPanel } from "./shortlist/ShortlistPanel";

export interface PanelEntry {
  id: string;
  label: string;
  icon: IconName;
  Panel: ComponentType;
}

export const panels: readonly [PanelEntry, ...PanelEntry[]] = [
  { id: "shortlist", label: "Shortlist", icon: "list", Panel: ShortlistPanel },
];
