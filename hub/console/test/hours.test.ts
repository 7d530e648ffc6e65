import assert from "node:assert/strict";
import test from "node:test";
import { dayName, endsNextDay, missing, OFFICE_HOURS, placeTime, sameHours } from "../src/app/hours.ts";
import { setLanguage } from "../src/ui/language.ts";
import { nowWords } from "../src/views/hours_editor.ts";

const hours = { days: ["sat", "mon"], from: "22:00", to: "06:00", warm: "main" };

test("hours are the same in whatever order their days are named", () => {
  assert.ok(sameHours([hours], [{ ...hours, days: ["mon", "sat"] }]));
  assert.ok(!sameHours([hours], [{ ...hours, to: "06:30" }]));
  assert.ok(!sameHours([hours], []));
  assert.ok(!sameHours([hours, OFFICE_HOURS], [OFFICE_HOURS, hours]), "the first wins, so the order counts");
});

test("hours need a day and both times, and may end on the next day", () => {
  assert.equal(missing(OFFICE_HOURS), undefined);
  assert.equal(missing({ ...hours, days: [] }), "no-day");
  assert.equal(missing({ ...hours, to: "" }), "no-time");
  assert.ok(endsNextDay(hours) && endsNextDay({ from: "00:00", to: "00:00" }));
  assert.ok(!endsNextDay(OFFICE_HOURS) && !endsNextDay({ from: "08:00", to: "" }));
});

test("days go by their names, beginning with Monday", () => {
  assert.deepEqual([0, 6].map((at) => dayName(at, "en", "short")), ["Mon", "Sun"]);
  assert.equal(dayName(0, "pt-BR", "short"), "seg");
  assert.equal(dayName(6, "pt-BR", "long"), "domingo");
});

test("what is kept ready is told by the clock of the place, with the day where it is another", () => {
  const now = Date.UTC(2026, 10, 23, 1, 0);
  // 01:00 UTC is still Sunday evening in São Paulo.
  assert.equal(placeTime("2026-11-23T10:30:00Z", "America/Sao_Paulo", "en", now), "Monday 07:30");
  assert.equal(placeTime("2026-11-23T02:30:00Z", "America/Sao_Paulo", "en", now), "23:30");
  assert.equal(placeTime("2026-11-23T02:30:00Z", "Mars/Olympus", "en", now), "02:30", "an old browser goes by UTC");
  const kept = { warm_schedule: [OFFICE_HOURS], warm_now: "main", time_zone: "UTC" };
  assert.equal(nowWords({ ...kept, warm_schedule: [] }), "");
  assert.equal(nowWords({ ...kept, warm_next_change: null }), "Now: the large picture.");
  assert.match(nowWords({ ...kept, warm_next_change: "2026-11-23T19:00:00Z" }), /^Now: the large picture, until (\w+ )?19:00\.$/);
  setLanguage("pt-BR");
  assert.equal(nowWords({ ...kept, warm_next_change: null }), "Agora: a imagem grande.");
  setLanguage("en");
});
