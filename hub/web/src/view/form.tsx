// A form whose answer comes from the hub: busy, what is wrong with which field, and how long to wait.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { ApiError } from "../api";
import { FieldFault, fieldOf } from "../model/session";

export type Fields = Record<string, string>;

interface Trouble {
  text: string;
  /** The name of the field that it is about. */
  field: string | null;
  /** When it may be tried again, by the viewer's clock. */
  until: number;
}

function troubleOf(error: unknown, fields: string[]): Trouble {
  if (error instanceof FieldFault) return { text: error.message, field: error.field, until: 0 };
  if (error instanceof ApiError)
    return { text: error.message, field: fieldOf(error.message, fields), until: error.wait === null ? 0 : Date.now() + error.wait * 1000 };
  return { text: "The hub does not answer", field: null, until: 0 };
}

/** Seconds that are left until `until`. */
function useSecondsLeft(until: number): number {
  const left = (): number => Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    setSeconds(left());
    if (left() === 0) return undefined;
    const timer = setInterval(() => {
      setSeconds(left());
      if (left() === 0) clearInterval(timer);
    }, 1000);
    return () => clearInterval(timer);
  }, [until]);
  return until === 0 ? 0 : seconds;
}

interface FormProps {
  name: string;
  button: string;
  /** What is thrown is shown. */
  send: (fields: Fields, form: HTMLFormElement) => Promise<void>;
  /** Something else that can be done with the same fields. */
  other?: { button: string; send: (fields: Fields, form: HTMLFormElement) => Promise<void> };
  cancel?: () => void;
  children: ComponentChildren;
}

/** Fields keep their values in the document, where password managers put them. */
export function Form({ name, button, send, other, cancel, children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [busy, setBusy] = useState(false);
  const wait = useSecondsLeft(trouble?.until ?? 0);
  const submit = async (event: Event, act = send): Promise<void> => {
    event.preventDefault();
    if (busy || wait > 0 || !form.current) return;
    const fields = Object.fromEntries([...new FormData(form.current)].map(([field, value]) => [field, String(value)]));
    setBusy(true);
    setTrouble(null);
    try {
      await act(fields, form.current);
    } catch (error) {
      setTrouble(troubleOf(error, Object.keys(fields)));
    }
    setBusy(false);
  };
  useLayoutEffect(() => {
    const wrong = trouble?.field ? form.current?.elements.namedItem(trouble.field) : null;
    for (const field of form.current?.elements ?? []) {
      if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)) continue;
      if (field === wrong) {
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-errormessage", `${name}-trouble`);
        field.focus();
        field.select();
      } else {
        field.removeAttribute("aria-invalid");
        field.removeAttribute("aria-errormessage");
      }
    }
  }, [trouble]);
  return (
    <form ref={form} class="form" id={name} onSubmit={(event) => submit(event)} noValidate aria-busy={busy}>
      {children}
      {trouble && (
        <p id={`${name}-trouble`} class="failure" role="alert">
          {trouble.text}
        </p>
      )}
      <div class="acts">
        <button type="submit" class="main-button" aria-disabled={busy || wait > 0}>
          {wait > 0 ? `${button} (in ${wait} s)` : button}
        </button>
        {other && (
          <button type="button" aria-disabled={busy || wait > 0} onClick={(event) => submit(event, other.send)}>
            {other.button}
          </button>
        )}
        {cancel && (
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  secret?: boolean;
  /** Of the input; a browser has a picker for times. */
  kind?: "text" | "datetime-local";
  /** What password managers and browsers may put here. */
  autocomplete?: string;
  maxLength?: number;
  /** To begin with. */
  value?: string;
  hint?: string;
  /** The first one of a form that has just been opened. */
  focus?: boolean;
}

export function Field({ label, hint, secret = false, kind = "text", focus = false, value, ...input }: FieldProps) {
  const node = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (focus) node.current?.focus();
  }, []);
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        ref={node}
        id={id}
        type={(secret ? "password" : kind) as "text"}
        maxLength={4096}
        autocapitalize="none"
        spellcheck={false}
        defaultValue={value}
        aria-describedby={hint && `${id}-hint`}
        {...input}
      />
      {hint && (
        <span id={`${id}-hint`} class="quiet small">
          {hint}
        </span>
      )}
    </div>
  );
}

interface ChoiceProps {
  name: string;
  label: string;
  /** What is sent, and what is read; the first one is chosen, unless `value` is. */
  options: [string, string][];
  value?: string;
  chosen?: (value: string) => void;
}

export function Choice({ name, label, options, value, chosen }: ChoiceProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} name={name} value={value} onChange={(event) => chosen?.(event.currentTarget.value)}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Text of several lines. */
export function Lines({ name, label, maxLength }: { name: string; label: string; maxLength: number }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea id={id} name={name} rows={3} maxLength={maxLength} />
    </div>
  );
}
