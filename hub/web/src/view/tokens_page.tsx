// Tokens with which programs use the API in the name of a user.

import { useState } from "preact/hooks";

import { FieldFault, isAtLeast, type User } from "../model/session";
import { addToken, askTokens, removeToken, type Token } from "../settings_api";
import { useStore } from "../store";
import { Act, Fault, useFault } from "./act";
import { useAnswer } from "./ask";
import { Choice, Field, Form, type Fields } from "./form";
import { Once } from "./once";
import { Panel, Time } from "./parts";
import { Standing } from "./standing";

const scopes: [string, string][] = [
  ["read", "It may read everything that I may see"],
  ["report", "It may send reports, as a probe does"],
  ["manage", "It may change what I may change"],
];

const lifetimes: [string, string][] = [
  ["90", "90 days"],
  ["30", "30 days"],
  ["365", "a year"],
  ["", "until it is revoked"],
];

interface NewTokenProps {
  user: User | null;
  operator: boolean;
  made: (told: Token & { token: string }) => void;
}

function NewToken({ user, operator, made }: NewTokenProps) {
  // Whom a proxy names may have no password here.
  const secret = user?.by !== "forward_auth";
  const send = async (fields: Fields, form: HTMLFormElement): Promise<void> => {
    const name = (fields.name ?? "").trim();
    if (!name) throw new FieldFault("name", "The token needs a name");
    const wanted = scopes.map(([scope]) => scope).filter((scope) => fields[scope] !== undefined);
    if (wanted.length === 0) throw new FieldFault("name", "The token needs at least one right");
    if (secret && !fields.password) throw new FieldFault("password", "The password is missing");
    made(await addToken(name, wanted, fields.days ? Number(fields.days) : undefined, fields.password));
    form.reset();
  };
  return (
    <Form name="new-token" button="Make a token" send={send}>
      <Field name="name" label="Name" hint="What it is for, such as backup-script" autocomplete="off" maxLength={64} />
      <fieldset>
        <legend>Rights</legend>
        {scopes
          .filter(([scope]) => operator || scope !== "report")
          .map(([scope, words]) => (
            <label key={scope} class="check">
              <input type="checkbox" name={scope} defaultChecked={scope === "read"} /> {words}
            </label>
          ))}
      </fieldset>
      <Choice name="days" label="It counts for" options={lifetimes} />
      {secret && (
        <>
          <input class="hidden" name="username" value={user?.name} autocomplete="username" tabIndex={-1} aria-hidden="true" readOnly />
          <Field name="password" label="Your password" secret autocomplete="current-password" />
        </>
      )}
    </Form>
  );
}

export function TokensPage() {
  const { session } = useStore();
  const tokens = useAnswer<Token[]>("tokens", askTokens);
  const [told, setTold] = useState<(Token & { token: string }) | null>(null);
  const [fault, setFault] = useFault();
  const admin = isAtLeast(session, "admin");
  const show = (made: (Token & { token: string }) | null): void => {
    setFault(null);
    setTold(made);
    tokens.again();
  };
  return (
    <>
      <Panel title={admin ? "API tokens of all users" : "Your API tokens"} id="tokens">
        <p class="quiet">
          A program sends one as <code>Authorization: Bearer …</code>. What may be asked stands in the <a href="/api/v1/openapi.json">API</a>
          .
        </p>
        <Fault error={fault} />
        {told && <Once title={`The token ${told.name}.`} text={told.token} />}
        <Standing what="The tokens" answer={tokens} none="None." />
        <ul class="entries">
          {(tokens.value ?? []).map(({ id, name, user, scopes: rights, created, expires }) => (
            <li key={id}>
              <div class="entry-head">
                <strong>{name}</strong>
                {rights.map((each) => (
                  <span key={each} class="badge">
                    {each}
                  </span>
                ))}
                <span class="quiet">
                  of {user}, since <Time at={created} />,{" "}
                  {expires ? (
                    <>
                      until <Time at={expires} />
                    </>
                  ) : (
                    "until it is revoked"
                  )}
                </span>
              </div>
              <Act
                label="Revoke"
                of={name}
                sure={`Revoke the token ${name} of ${user}? Who uses it is refused at once.`}
                act={async () => {
                  await removeToken(id);
                  show(null);
                }}
                failed={setFault}
              />
            </li>
          ))}
        </ul>
      </Panel>
      <Panel title="New token" id="new-token-panel">
        <NewToken user={session?.user ?? null} operator={isAtLeast(session, "operator")} made={show} />
      </Panel>
    </>
  );
}
