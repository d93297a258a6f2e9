import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { question } from "../../../hub/web/src/model/question";
import { openBrowser } from "./fake_browser.mjs";

let browser;
let told;
let asked;

beforeEach(() => {
  browser = openBrowser();
  told = [];
});

const settled = () => new Promise((done) => setImmediate(done));

/** Asks every 10 s what only the test answers. */
const begin = (every = 10_000) =>
  question((signal) => new Promise((answer, refuse) => (asked = { signal, answer, refuse })), every, {
    answered: (value) => told.push(value),
    failed: (error) => told.push(error.message),
    due: () => told.push("due"),
  });

test("an answer that takes longer than the pause still comes, and only after it is it time to ask again", async () => {
  begin();
  browser.clock.advance(25_000);
  assert.equal(asked.signal.aborted, false);
  asked.answer("late");
  await settled();
  assert.deepEqual(told, ["late"]);
  browser.clock.advance(9_999);
  assert.deepEqual(told, ["late"]);
  browser.clock.advance(1);
  assert.deepEqual(told, ["late", "due"]);
});

test("a question without an answer fails after a time, is given up, and is asked again", async () => {
  begin();
  browser.clock.advance(30_000);
  assert.deepEqual(told, ["No answer within 30 s"]);
  assert.equal(asked.signal.aborted, true);
  asked.answer("too late");
  await settled();
  browser.clock.advance(10_000);
  assert.deepEqual(told, ["No answer within 30 s", "due"]);
});

test("an error is told once, and it is asked again", async () => {
  begin();
  asked.refuse(new Error("refused"));
  await settled();
  browser.clock.advance(60_000);
  assert.deepEqual(told, ["refused", "due"]);
});

test("who leaves hears nothing more", async () => {
  begin()();
  assert.equal(asked.signal.aborted, true);
  asked.answer("too late");
  await settled();
  const leave = begin();
  asked.answer("in time");
  await settled();
  leave();
  browser.clock.advance(60_000);
  assert.deepEqual(told, ["in time"]);
});

test("what is asked once is asked once", async () => {
  begin(0);
  asked.answer("known");
  await settled();
  browser.clock.advance(60_000);
  assert.deepEqual(told, ["known"]);
});
