import { Component, type ComponentChild, type FunctionComponent } from "preact";
import { h } from "preact";

/** Draws again only when a prop is another one: a client's object is replaced with each report, so the same object is the same row. */
export function memo<Props extends object>(draw: FunctionComponent<Props>): FunctionComponent<Props> {
  class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const keys = Object.keys(next) as (keyof Props)[];
      return keys.length !== Object.keys(this.props).length || keys.some((key) => next[key] !== (this.props as Props)[key]);
    }

    override render(): ComponentChild {
      return h(draw as FunctionComponent<object>, this.props as object);
    }
  }
  return Memo as unknown as FunctionComponent<Props>;
}
