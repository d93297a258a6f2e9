import assert from "node:assert/strict";
import { test } from "node:test";

import {
  checkPassword,
  checkUserName,
  enrolCommand,
  fieldOf,
  isAtLeast,
  mayRead,
  secondsToWait,
  sessionOf,
  viewerOf,
} from "../../../hub/web/src/model/session";

const anna = (role: string) => ({
  state: "in",
  user: { name: "anna", role, totp: false, by: "session" },
  csrf: "c",
  setup_possible: false,
});

test("only an open hub, a password of the browser and a log-in let somebody look", () => {
  const may = (state: string) => mayRead(sessionOf({ ...anna("viewer"), state }));
  assert.deepEqual(["open", "basic", "in"].map(may), [true, true, true]);
  assert.deepEqual(["setup", "login"].map(may), [false, false]);
  assert.equal(mayRead(null), false);
});

test("an answer that is not understood is no leave to look", () => {
  for (const answer of [null, {}, "in", { state: "inside" }, { state: 1 }, { state: "in" }, { state: "in", user: null }])
    assert.throws(() => sessionOf(answer), JSON.stringify(answer));
});

test("another viewer is known as such", () => {
  const login = sessionOf({ state: "login" });
  assert.equal(viewerOf(login), viewerOf(null));
  assert.notEqual(viewerOf(sessionOf(anna("admin"))), viewerOf(login));
  assert.notEqual(
    viewerOf(sessionOf(anna("admin"))),
    viewerOf(sessionOf({ ...anna("admin"), user: { ...anna("admin").user, name: "ben" } })),
  );
  assert.equal(viewerOf(sessionOf(anna("admin"))), viewerOf(sessionOf(anna("viewer"))));
});

test("a role includes those below it, and an unknown one nothing", () => {
  const table = ["viewer", "operator", "admin", "owner"].map((role) =>
    (["viewer", "operator", "admin"] as const).map((least) => isAtLeast(sessionOf(anna(role)), least)),
  );
  assert.deepEqual(table, [
    [true, false, false],
    [true, true, false],
    [true, true, true],
    [false, false, false],
  ]);
  assert.equal(isAtLeast(sessionOf({ state: "open" }), "viewer"), false);
});

test("a wait is whole seconds, and only one that makes sense", () => {
  assert.deepEqual(["1", "30", "86400"].map(secondsToWait), [1, 30, 86400]);
  for (const header of [null, "", "0", "-1", "1.5", "86401", "99999999999", "Sun, 22 Nov 2026 02:00:00 GMT"])
    assert.equal(secondsToWait(header), null, String(header));
});

test("what the hub says of a wrong field leads to it", () => {
  assert.equal(fieldOf("password: expected 10-1024 bytes", ["user", "password"]), "password");
  assert.equal(fieldOf("valid_minutes: expected 1-10080", ["valid_minutes"]), "valid_minutes");
  assert.equal(fieldOf("constructor: no", ["user"]), null);
  assert.equal(fieldOf("The password is wrong", ["password"]), null);
});

test("passwords are measured in bytes, as the hub does, and typed twice", () => {
  checkPassword("password", "0123456789", "0123456789");
  checkPassword("password", "ääääö", "ääääö");
  const field = (password: string, again: string) => {
    try {
      checkPassword("new", password, again);
      return null;
    } catch (fault) {
      return (fault as { field: string }).field;
    }
  };
  assert.equal(field("012345678", "012345678"), "new");
  assert.equal(field("x".repeat(1025), "x".repeat(1025)), "new");
  assert.equal(field("0123456789", "0123456780"), "again");
});

test("user names have the hub's signs", () => {
  for (const name of ["anna", "a.b_c@d-e", "x".repeat(64)]) checkUserName(name);
  for (const name of ["", "an na", "änna", "x".repeat(65), "a\n"]) assert.throws(() => checkUserName(name), name);
});

test("the command of an enrolment names the API's address, and its path where it is another one", () => {
  const about = { version: "1", api_port: 5000, api_tls: true, api_path: "/api/v1" };
  assert.equal(enrolCommand(about, "hub.example", "AAAA-BBBB"), "vpn-sentinel-probe enroll https://hub.example:5000 AAAA-BBBB");
  assert.equal(
    enrolCommand({ ...about, api_tls: false, api_path: "/hub" }, "192.0.2.1", "AAAA-BBBB"),
    "vpn-sentinel-probe enroll http://192.0.2.1:5000 AAAA-BBBB --api-path /hub",
  );
});
