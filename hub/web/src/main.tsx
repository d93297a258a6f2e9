import { render } from "preact";

import { askAbout } from "./api";
import { store } from "./store";
import "./style/main.css";
import { applyTheme } from "./theme";
import { App } from "./view/app";

applyTheme();
const root = document.getElementById("app")!;
root.replaceChildren();
render(<App />, root);
store.start();
// Without it the page lacks its version and the example command, nothing else.
askAbout()
  .then((about) => store.setAbout(about))
  .catch(() => {});
