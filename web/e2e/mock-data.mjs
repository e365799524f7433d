/** A made newsroom: enough titles, tastes and clicks to look at, nothing measured. */

const HEADLINES = {
  soccer: [
    "Late header sends the harbour side through on away nerves",
    "Why every manager now wants a goalkeeper who can pass",
    "Nine-man defence holds out for a famous goalless draw",
    "The academy that turns wingers into full-backs",
    "Captain signs until 2029 and asks for a quieter dressing room",
    "Two penalties, one red card and a very long apology",
    "Set-piece coach explains the near-post run that nobody marks",
    "Promotion race: four clubs, one point, ninety minutes",
    "How the women's league doubled its crowds in three seasons",
    "Transfer ledger: who spent, who sold, who waited",
  ],
  climate: [
    "Tidal turbines quietly outlive their forecasts",
    "The river town that gave its flood plain back",
    "Heat pumps in old stone houses: one winter, nine meters",
    "Seagrass meadows return to the northern bay",
    "What a city learned from planting forty thousand trees",
    "Glacier survey finds a lake where the map says ice",
  ],
  technology: [
    "A compiler bug that only appears on Tuesdays",
    "Small models, large patience: training on one laptop",
    "The museum that keeps every handheld running",
    "Open maps beat the satnav on the island's new roads",
    "Why your train app knows the delay before the driver",
    "Engineers argue for boring databases, again",
  ],
  food: [
    "Sourdough without the ceremony",
    "Three winter soups that improve overnight",
    "The last cider press on the hill works one month a year",
    "A noodle bar with four seats and a waiting list",
    "Blind tasting: the cheap olive oil won",
  ],
  culture: [
    "The orchestra that rehearses with the lights off",
    "A first novel written entirely on the night bus",
    "Restorers find a second harbour under the painted sky",
    "Film festival opens with a comedy about archivists",
    "Podcast of the month: two sisters read old weather reports",
  ],
  business: [
    "Rates hold steady while savers look for the exit",
    "The bicycle maker that refuses to grow",
    "Harbour strike ends with a four-day week",
    "Family bakery chain is sold to its bakers",
  ],
};

export const categories = Object.keys(HEADLINES);

export const items = categories.flatMap((category, c) =>
  HEADLINES[category].map((title, i) => ({
    item_id: `N${String(1000 + c * 100 + i)}`,
    popularity: 1 / (1 + ((i * 7 + c * 3) % 11)),
    fields: {
      title,
      category,
      genres: [["analysis", "report", "interview", "long read"][(i + c) % 4], ["local", "national"][i % 2]],
      ...(i % 3 === 1
        ? { abstract: `What happened, who was there and what follows, by our ${category} desk.` }
        : {}),
    },
  })),
);
// Titles are text, whatever they contain.
items.push({
  item_id: "N9/<odd>",
  popularity: 0.97,
  fields: {
    title: '<img src=x onerror="alert(1)"> markup in a headline stays a headline',
    category: "technology",
    genres: [],
  },
});

export const byId = new Map(items.map((item) => [item.item_id, item]));

/** 60 users; each likes one category most. */
export const users = Array.from({ length: 60 }, (_, n) => {
  const taste = categories[n % categories.length];
  const liked = items.filter((item) => item.fields.category === taste && item.item_id.startsWith("N1"));
  const history = liked.slice(0, 2 + (n % 3)).map((item, i) => ({
    item_id: item.item_id,
    occurred_at: Date.now() / 1000 - (i + 1) * 5400 * (1 + (n % 5)),
  }));
  return { user_id: `u${String(n + 1)}`, n_events: history.length, history };
});
