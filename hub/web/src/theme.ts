// Dark, light, or as the system has it. A browser that may not remember anything forgets the choice.

export type Theme = "system" | "light" | "dark";
const key = "vpn-sentinel-theme";

/** What was chosen once, also by the page's other switches. */
export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Storage is switched off: the choice holds until the page is closed.
  }
}

export function chosenTheme(): Theme {
  const theme = remembered(key);
  return theme === "light" || theme === "dark" ? theme : "system";
}

export function applyTheme(theme: Theme = chosenTheme()): void {
  remember(key, theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
