// Before anybody may see anything: the log-in, and the first admin. Nothing of the fleet stands here.

import { useState } from "preact/hooks";

import { ApiError, logIn, setUp } from "../api";
import { checkPassword, checkUserName, FieldFault, type Session } from "../model/session";
import { store } from "../store";
import { Field, Form, type Fields } from "./form";

function LogIn() {
  const [withCode, setWithCode] = useState(false);
  const send = async ({ user = "", password = "", code = "" }: Fields): Promise<void> => {
    if (!user) throw new FieldFault("user", "Who are you? The user name is missing");
    if (!password) throw new FieldFault("password", "The password is missing");
    if (withCode && !code.trim()) throw new FieldFault("code", "The code is missing");
    try {
      store.setSession(await logIn(user, password, code.trim()), true);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.codeRequired && error.status === 401) return setWithCode(true);
      // Not counted down: a recovery code does not wait for it.
      if (error.status === 429 && withCode && error.codeRequired) throw new FieldFault("code", error.message);
      if (error.status === 401) throw new FieldFault(withCode && /code/i.test(error.message) ? "code" : "password", error.message);
      throw error;
    }
  };
  return (
    <Form name="log-in" button="Log in" send={send}>
      <Field name="user" label="User" autocomplete="username" maxLength={64} focus />
      <Field name="password" label="Password" secret autocomplete="current-password" />
      {withCode && (
        <Field
          name="code"
          label="Code"
          hint="The six digits that your authenticator shows now, or one of your recovery codes"
          autocomplete="one-time-code"
          maxLength={32}
          focus
        />
      )}
    </Form>
  );
}

/** Also for a hub on loopback, which lets everybody look as long as nobody has an account. */
export function SetUp() {
  const send = async ({ token = "", user = "", password = "", again = "" }: Fields): Promise<void> => {
    if (!token.trim()) throw new FieldFault("token", "The token is missing");
    checkUserName(user);
    checkPassword("password", password, again);
    try {
      store.setSession(await setUp(token.trim(), user, password), true);
    } catch (error) {
      // Somebody was faster: from now on it is a log-in.
      if (error instanceof ApiError && error.status === 409) store.askSession();
      throw error;
    }
  };
  return (
    <>
      <p>
        Nobody has an account yet. The hub has told a one-time token in its log at its first start; it also stands in the file{" "}
        <code>setup-token</code> of its data folder.
      </p>
      <Form name="set-up" button="Make the first admin" send={send}>
        <Field name="token" label="One-time token" autocomplete="off" maxLength={256} focus />
        <Field name="user" label="User" autocomplete="username" maxLength={64} />
        <Field name="password" label="Password" secret autocomplete="new-password" hint="At least 10 letters or signs" />
        <Field name="again" label="Password again" secret autocomplete="new-password" />
      </Form>
    </>
  );
}

export function Door({ session }: { session: Session }) {
  const first = session.state === "setup";
  return (
    <main id="main" class="door">
      <img src="/favicon.svg" alt="" width="40" height="40" />
      <h1>{first ? "VPN Sentinel: first admin" : "VPN Sentinel: log in"}</h1>
      {store.ended && (
        <p class="quiet" role="status">
          Your log-in has ended.
        </p>
      )}
      {first ? <SetUp /> : <LogIn />}
    </main>
  );
}
