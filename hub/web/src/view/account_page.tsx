// The viewer's own account; and on a hub where nobody has one, the first.

import { useState } from "preact/hooks";

import { beginTotp, changePassword, confirmTotp, removeTotp, type TotpSecret } from "../api";
import { settingsAddress } from "../model/place";
import { checkPassword, FieldFault, type User } from "../model/session";
import { store, useStore } from "../store";
import { SetUp } from "./door";
import { Field, Form, type Fields } from "./form";
import { Once } from "./once";
import { Panel } from "./parts";

function Password({ user }: { user: User }) {
  const [done, setDone] = useState(false);
  const send = async ({ old = "", new: fresh = "", again = "" }: Fields, form: HTMLFormElement): Promise<void> => {
    setDone(false);
    if (!old) throw new FieldFault("old", "The password of now is missing");
    checkPassword("new", fresh, again);
    await changePassword(old, fresh);
    form.reset();
    setDone(true);
  };
  return (
    <Panel title="Password">
      <Form name="password" button="Change the password" send={send}>
        <input class="hidden" name="username" value={user.name} autocomplete="username" tabIndex={-1} aria-hidden="true" readOnly />
        <Field name="old" label="Password of now" secret autocomplete="current-password" />
        <Field name="new" label="New password" secret autocomplete="new-password" hint="At least 10 letters or signs" />
        <Field name="again" label="New password again" secret autocomplete="new-password" />
      </Form>
      <p class="quiet">
        It ends your other log-ins. Your API tokens go on: revoke them at <a href={settingsAddress("tokens")}>API tokens</a>.
      </p>
      <p role="status">{done && "The password is changed; your other log-ins have ended."}</p>
    </Panel>
  );
}

function AskPassword({ name, button, then }: { name: string; button: string; then: (password: string) => Promise<void> }) {
  const send = async ({ password = "" }: Fields): Promise<void> => {
    if (!password) throw new FieldFault("password", "The password is missing");
    await then(password);
  };
  return (
    <Form name={name} button={button} send={send}>
      <Field name="password" label="Your password" secret autocomplete="current-password" />
    </Form>
  );
}

function Confirm({ secret, then }: { secret: TotpSecret; then: (codes: string[]) => void }) {
  const send = async ({ code = "" }: Fields): Promise<void> => {
    if (!code.trim()) throw new FieldFault("code", "The code is missing");
    then(await confirmTotp(code.trim()));
  };
  return (
    <>
      <Once title="Put this secret into your authenticator." text={`${secret.secret}\n${secret.uri}`} />
      <Form name="totp-confirm" button="Confirm" send={send}>
        <Field name="code" label="Code" hint="The six digits that it shows now" autocomplete="one-time-code" maxLength={32} />
      </Form>
    </>
  );
}

function Authenticator({ user }: { user: User }) {
  const [secret, setSecret] = useState<TotpSecret | null>(null);
  const [codes, setCodes] = useState<string[]>([]);
  const confirmed = (told: string[]): void => {
    setSecret(null);
    setCodes(told);
    store.askSession();
  };
  const remove = async (password: string): Promise<void> => {
    await removeTotp(password);
    setCodes([]);
    store.askSession();
  };
  return (
    <Panel title="Authenticator" id="authenticator">
      {codes.length > 0 && <Once title="Your recovery codes: each lets you in once, without the authenticator." text={codes.join("\n")} />}
      {user.totp || codes.length > 0 ? (
        <>
          <p>Each log-in asks for a code of your authenticator.</p>
          <AskPassword key="remove" name="totp-remove" button="Remove the authenticator" then={remove} />
        </>
      ) : secret ? (
        <Confirm secret={secret} then={confirmed} />
      ) : (
        <>
          <p>With an authenticator (TOTP), a password alone does not let anybody in.</p>
          <AskPassword key="begin" name="totp-begin" button="Begin" then={async (password) => setSecret(await beginTotp(password))} />
        </>
      )}
    </Panel>
  );
}

export function AccountPage() {
  const { session } = useStore();
  const user = session?.user;
  if (!user)
    return (
      <>
        <h1>Set up log-in</h1>
        {session?.setup_possible ? <SetUp /> : <p>There is no log-in here.</p>}
      </>
    );
  return (
    <>
      <h1>Your account</h1>
      <p>
        {user.name} <span class="badge">{user.role}</span>
      </p>
      <Password user={user} />
      <Authenticator user={user} />
    </>
  );
}
