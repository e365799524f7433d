import { QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";

import { makeQueryClient } from "../../app/queries";
import { json, stubServer } from "../../test/server";
import { UserPicker } from "./UserPicker";

const USERS = ["alma", "alon", "berta"].map((user_id, n) => ({ user_id, n_events: n }));

function open() {
  const onPick = vi.fn<(id: string) => void>();
  const calls = stubServer({
    "GET /v1/users": ({ path }) => {
      const q = new URL(path, "http://test").searchParams.get("q") ?? "";
      return json({ users: USERS.filter((user) => user.user_id.startsWith(q)) });
    },
  });
  render(
    <QueryClientProvider client={makeQueryClient()}>
      <UserPicker id="who" value="" onPick={onPick} />
    </QueryClientProvider>,
  );
  const box = screen.getByRole("combobox");
  const press = (key: string) => fireEvent.keyDown(box, { key });
  const type = (value: string) => fireEvent.change(box, { target: { value } });
  return { onPick, calls, box, press, type };
}

const labels = () =>
  screen.queryAllByRole("option").map((option) => option.querySelector(".combo-label")?.textContent);

test("arrow down opens, arrows move and wrap, enter picks", async () => {
  const { onPick, box, press } = open();
  press("ArrowDown");
  await waitFor(() => expect(labels()).toEqual(["alma", "alon", "berta", "New visitor"]));
  press("ArrowDown");
  expect(screen.getByRole("option", { selected: true }).textContent).toContain("alon");
  expect(box.getAttribute("aria-activedescendant")).toBe(screen.getByRole("option", { selected: true }).id);
  press("ArrowUp");
  press("ArrowUp");
  expect(screen.getByRole("option", { selected: true }).textContent).toContain("New visitor");
  press("ArrowDown");
  press("Enter");
  expect(onPick.mock.calls).toEqual([["alma"]]);
  expect(screen.queryByRole("listbox")).toBeNull();
});

test("typing narrows down and offers the exact id", async () => {
  const { onPick, type, press, calls } = open();
  type("al");
  await waitFor(() => expect(labels()).toEqual(["alma", "alon", "Use “al”", "New visitor"]));
  expect(calls.at(-1)?.path).toBe("/v1/users?q=al&limit=50");
  type("zoe");
  await screen.findByText(/No known user starts with “zoe”/);
  press("Enter");
  expect(onPick.mock.calls).toEqual([["zoe"]]);
});

test("a known id is not offered twice", async () => {
  const { type } = open();
  type("berta");
  await waitFor(() => expect(labels()).toEqual(["berta", "New visitor"]));
});

test("the new visitor gets an unknown id; escape and leaving pick nobody", async () => {
  const { onPick, box, press } = open();
  press("ArrowDown");
  await waitFor(() => expect(labels()).toHaveLength(4));
  press("Escape");
  expect(screen.queryByRole("listbox")).toBeNull();
  press("ArrowDown");
  fireEvent.blur(box);
  expect(onPick).not.toHaveBeenCalled();
  press("ArrowDown");
  fireEvent.click(await screen.findByRole("option", { name: /New visitor/ }));
  expect(onPick.mock.calls[0]?.[0]).toMatch(/^visitor-[0-9a-f]{6}$/);
});
