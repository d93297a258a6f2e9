// For admins: who may log in, as what.

import { useState } from "preact/hooks";

import { checkPassword, checkUserName, roles, type Role, type User } from "../model/session";
import { addUser, askUsers, changeUser, removeUser, type Account } from "../settings_api";
import { useStore } from "../store";
import { Act, Fault, useFault } from "./act";
import { useAnswer } from "./ask";
import { Choice, Field, Form, type Fields } from "./form";
import { Panel, Time } from "./parts";
import { Standing } from "./standing";

const roleWords: Record<Role, string> = {
  viewer: "Viewer: may look",
  operator: "Operator: also keys, incidents and alerts",
  admin: "Admin: also users, and who did what",
};

function NewUser({ made }: { made: () => void }) {
  const send = async ({ user = "", role, password = "", again = "" }: Fields, form: HTMLFormElement): Promise<void> => {
    checkUserName(user);
    checkPassword("password", password, again);
    await addUser(user, role as Role, password);
    form.reset();
    made();
  };
  return (
    <Form name="new-user" button="Make a user" send={send}>
      <Field name="user" label="Name" autocomplete="off" maxLength={64} />
      <Choice name="role" label="Role" options={roles.map((role): [string, string] => [role, roleWords[role]])} />
      <Field name="password" label="Password" secret autocomplete="new-password" hint="At least 10 letters or signs" />
      <Field name="again" label="Password again" secret autocomplete="new-password" />
    </Form>
  );
}

function NewPassword({ name, done }: { name: string; done: () => void }) {
  const send = async ({ password = "", again = "" }: Fields): Promise<void> => {
    checkPassword("password", password, again);
    await changeUser(name, { password });
    done();
  };
  return (
    <Form name={`password-${name}`} button={`Set the password of ${name}`} send={send}>
      <input class="hidden" name="username" value={name} autocomplete="username" tabIndex={-1} aria-hidden="true" readOnly />
      <Field
        name="password"
        label="New password"
        secret
        autocomplete="new-password"
        hint="All log-ins and API tokens of this user end, and the old password counts no more"
        focus
      />
      <Field name="again" label="New password again" secret autocomplete="new-password" />
    </Form>
  );
}

interface EntryProps {
  account: Account;
  me: User | null;
  /** Does it, tells what is wrong, and asks again. */
  change: (act: () => Promise<unknown>, told: string) => Promise<void>;
  failed: (error: Error) => void;
}

function Entry({ account: { name, role, totp, created }, me, change, failed }: EntryProps) {
  const [password, setPassword] = useState(false);
  const choose = (event: Event): void => {
    const select = event.currentTarget as HTMLSelectElement;
    change(() => changeUser(name, { role: select.value as Role }), `${name} is ${select.value} now.`).catch((error: Error) => {
      select.value = role;
      failed(error);
    });
  };
  return (
    <li>
      <div class="entry-head">
        <strong>{name}</strong>
        {me?.name === name && <span class="badge">you</span>}
        {totp && <span class="badge">authenticator</span>}
        <span class="quiet">
          since <Time at={created} />
        </span>
      </div>
      <div class="acts">
        <label>
          <span class="hidden">Role of {name}</span>
          <select value={role} onChange={choose}>
            {roles.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
        <button type="button" class="act" aria-expanded={password} onClick={() => setPassword(!password)}>
          {password ? "Leave password" : "Set password"}
          <span class="hidden"> of {name}</span>
        </button>
        {totp && (
          <Act
            label="Remove authenticator"
            of={`of ${name}`}
            sure={`Remove the authenticator of ${name}? Then the password alone lets in.`}
            act={() => change(() => changeUser(name, { remove_totp: true }), `${name} logs in without an authenticator now.`)}
            failed={failed}
          />
        )}
        <Act
          label="Remove"
          of={name}
          sure={`Remove the user ${name}, with all log-ins and API tokens?`}
          act={() => change(() => removeUser(name), `${name} is removed.`)}
          failed={failed}
        />
      </div>
      {password && (
        <NewPassword
          name={name}
          done={() => {
            setPassword(false);
            void change(() => Promise.resolve(), `${name} has a new password; all older log-ins and API tokens have ended.`);
          }}
        />
      )}
    </li>
  );
}

export function UsersPage() {
  const { session } = useStore();
  const users = useAnswer<Account[]>("users", askUsers);
  const [fault, setFault] = useFault();
  const [told, setTold] = useState("");
  const change = async (act: () => Promise<unknown>, done: string): Promise<void> => {
    setFault(null);
    setTold("");
    await act();
    setTold(done);
    users.again();
  };
  return (
    <>
      <Panel title="Users" id="users">
        <Fault error={fault} />
        <p role="status">{told}</p>
        <Standing what="The users" answer={users} />
        <ul class="entries">
          {(users.value ?? []).map((each) => (
            <Entry key={each.name} account={each} me={session?.user ?? null} change={change} failed={setFault} />
          ))}
        </ul>
      </Panel>
      <Panel title="New user" id="new-user-panel">
        <NewUser made={users.again} />
      </Panel>
    </>
  );
}
