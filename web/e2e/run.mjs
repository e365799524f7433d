/**
 * The console in a real browser: `BASE_URL=http://127.0.0.1:8000 SHOTS=dir node e2e/run.mjs`.
 * Without BASE_URL the mock server is started. Works on any data: nothing here knows a title or a user.
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { openBrowser } from "./browser.mjs";
import { startMock } from "./mock-server.mjs";

const mock = process.env.BASE_URL ? null : await startMock();
const base = (process.env.BASE_URL ?? mock.url).replace(/\/+$/, "");
const shots = process.env.SHOTS ?? "";
if (shots) await mkdir(shots, { recursive: true });

const { page: open, errors, close } = await openBrowser();
const tally = { passed: 0, failed: 0 };
const K = 8;

async function check(name, body) {
  try {
    await body();
    tally.passed += 1;
    console.log(`  ok    ${name}`);
  } catch (error) {
    tally.failed += 1;
    console.log(
      `  FAIL  ${name}\n        ${String(error.message).split("\n").slice(0, 6).join("\n        ")}`,
    );
  }
}

const shoot = async (page, name) => {
  if (!shots) return;
  await page.waitForTimeout(600);
  await page.screenshot({ path: join(shots, `${name}.png`) });
};
const cards = (page) => page.getByTestId("card");
const settled = (page) => page.locator("ol.cards[aria-busy=false]").waitFor();
const ids = (page) => cards(page).evaluateAll((nodes) => nodes.map((node) => node.dataset.item));

const page = await open();
const posted = [];
const answered = [];
page.on("request", (request) => {
  if (request.method() === "POST" && request.url().endsWith("/v1/events"))
    posted.push(request.postDataJSON());
});
page.on("response", (response) => {
  if (response.url().endsWith("/v1/recommend")) answered.push(response.json().catch(() => null));
});

await check("opens, says ready and what serves", async () => {
  await page.goto(`${base}/console/`);
  await page.getByRole("status").filter({ hasText: "Ready" }).waitFor();
  assert.match(await page.locator(".facts").innerText(), /item/);
  await page.getByRole("heading", { name: "Whose shortlist?" }).waitFor();
  await shoot(page, "01-welcome");
});

await check("finds a user by keyboard alone", async () => {
  const box = page.getByRole("combobox", { name: "User" });
  await box.focus();
  await page.keyboard.press("ArrowDown");
  await page.getByRole("option").nth(1).waitFor();
  await shoot(page, "02-picker");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.notEqual(await box.inputValue(), "");
});

await check(`shows at most ${K} cards with scores and positions`, async () => {
  const n = await cards(page).count();
  const list = await answered.at(-1);
  assert.equal(n, list.items.length);
  assert.ok(n > 0 && n + (list.shortfall ?? 0) === K, `${n} cards, shortfall ${list.shortfall}`);
  assert.match(await cards(page).first().locator(".score").innerText(), /\d/);
  assert.equal(await cards(page).first().locator(".card-place").innerText(), "1");
  await shoot(page, "03-list");
});

await check("a double click posts one event, with the request it answers", async () => {
  const before = await ids(page);
  const list = await answered.at(-1);
  await cards(page).nth(1).getByRole("heading").getByRole("button").dblclick();
  await page
    .getByText("Click sent")
    .waitFor({ timeout: 3_000 })
    .catch(() => {});
  await page.getByText(/Since the last list/).waitFor();
  await settled(page);
  assert.equal(posted.length, 1);
  assert.equal(posted[0].item_id, before[1]);
  assert.equal(posted[0].request_id, list.request_id);
  assert.match(posted[0].event_id, /^[0-9a-f-]{36}$/);
});

await check("the list refreshed: the clicked item is gone or marked, and in the history", async () => {
  const clicked = posted[0].item_id;
  const still = await page.locator(`[data-item="${quoted(clicked)}"]`).count();
  if (still) await page.locator(`[data-item="${quoted(clicked)}"].is-clicked`).waitFor();
  await page.getByTestId("sitting").first().waitFor();
  assert.equal(await page.getByTestId("sitting").count(), 1);
  assert.notEqual((await answered.at(-1)).request_id, posted[0].request_id);
  await shoot(page, "04-adapted");
});

await check("explains one card: sources, stages with counts and times", async () => {
  await cards(page).first().getByRole("button", { name: /^Why / }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("table").waitFor();
  assert.ok((await drawer.getByRole("row").count()) > 2);
  assert.match(await drawer.getByRole("table").innerText(), /ms/);
  await drawer.locator(".source-scores li").first().waitFor();
  await shoot(page, "05-explain");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  assert.equal(posted.length, 1, "asking why is no click");
});

await check("explains the list as a whole", async () => {
  await page.getByRole("button", { name: "How this list was made" }).click();
  await page.getByRole("dialog").getByRole("table").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

await check("every surface answers", async () => {
  const select = page.getByRole("combobox", { name: "Surface" });
  const names = await select.locator("option").allInnerTexts();
  for (const name of [...names.slice(1), names[0]]) {
    await select.selectOption(name);
    await page.locator(".result-title", { hasText: `on ${name}` }).waitFor();
    await settled(page);
    if (name === names[1]) await shoot(page, "06-other-surface");
  }
});

await check("k can be changed, and survives in the address", async () => {
  await page.getByRole("spinbutton", { name: "Items" }).fill("3");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=card]").length <= 3);
  assert.match(page.url(), /k=3/);
  await page.reload();
  await settled(page);
  assert.ok((await cards(page).count()) <= 3);
});

await check("a new visitor is cold, and warms up with clicks", async () => {
  await page.goto(`${base}/console/`);
  await page.getByRole("button", { name: "New visitor", exact: true }).first().click();
  await page.getByTestId("cold-badge").waitFor();
  await settled(page);
  assert.equal(await cards(page).count(), K);
  await shoot(page, "07-cold");
  await cards(page).nth(2).getByRole("heading").getByRole("button").click();
  await page.getByText(/Since the last list/).waitFor();
  await settled(page);
  await shoot(page, "08-warmed");
});

await check("no error in the browser's console so far", () => assert.deepEqual(errors, []));

await check("a failing server is explained, and retry recovers", async () => {
  const body = {
    type: "about:blank",
    title: "Not ready",
    status: 503,
    code: "not_ready",
    detail: "No bundle is loaded yet.",
    hint: "Wait for the first publish, or run shortlist demo.",
    request_id: "req-e2e",
  };
  await page.route("**/v1/recommend", (route) =>
    route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(body) }),
  );
  await page.getByRole("button", { name: "Refresh" }).click();
  const banner = page.getByRole("alert");
  await banner.getByText("No bundle is loaded yet.").waitFor();
  assert.match(await banner.innerText(), /req-e2e/);
  await shoot(page, "09-error");
  await page.unroute("**/v1/recommend");
  await banner.getByRole("button", { name: "Retry" }).click();
  await banner.waitFor({ state: "detached" });
  const unexpected = errors.filter((text) => !/503/.test(text));
  assert.deepEqual(unexpected, []);
});

await check("dark theme by toggle, kept after a reload", async () => {
  await page.getByRole("button", { name: /Use the dark theme/ }).click();
  await page.reload();
  await settled(page);
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
  await shoot(page, "10-dark");
  await cards(page).first().getByRole("button", { name: /^Why / }).click();
  await page.getByRole("dialog").getByRole("table").waitFor();
  await shoot(page, "11-dark-explain");
});

await check("fits a phone of 380 px, without sideways scrolling", async () => {
  const phone = await open({ viewport: { width: 380, height: 800 }, colorScheme: "dark" });
  await phone.goto(page.url());
  await settled(phone);
  const wider = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(wider <= 0, `${wider} px too wide`);
  await shoot(phone, "12-phone");
  await phone.locator("ol.cards").scrollIntoViewIfNeeded();
  await cards(phone).first().getByRole("button", { name: /^Why / }).click();
  await phone.getByRole("dialog").getByRole("table").waitFor();
  await shoot(phone, "13-phone-explain");
});

await close();
mock?.close();
console.log(`e2e: ${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed ? 1 : 0;

/** Enough for an attribute selector in double quotes. */
function quoted(text) {
  return text.replace(/["\\]/g, "\\$&");
}
