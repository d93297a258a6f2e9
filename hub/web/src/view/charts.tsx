// Latency, packets outside, traffic and handshakes over time.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

import { askSamples } from "../api";
import { handshakes, hasNumbers, latencies, outside, ranges, recordedSince, traffic, type Column, type Table } from "../model/series";
import { briefTime, byteText } from "../model/times";
import type { Client, Sample } from "../model/types";
import { store } from "../store";
import { useAnswer } from "./ask";
import { Panel } from "./parts";
import { Standing } from "./standing";

interface Line {
  name: string;
  colour: string; // a variable of the style sheet
  bars?: boolean;
}

interface ChartProps {
  title: string;
  data: Table;
  lines: Line[];
  word: (value: number) => string;
  /** The time that was asked for, in seconds: also where nothing is known of it. */
  from: number;
  to: number;
  /** In seconds: what was before has not been recorded, and is no quiet time. Null: all was. */
  recordedSince?: number | null;
}

const height = 170;

function variable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const twoDays = 2 * 86_400;

/** The day, or the hour with the day below where it begins, as the viewer's own place writes them. */
function axisTime(value: number, place: number, all: number[]): string {
  if (all.at(-1)! - all[0]! > twoDays) return day.format(value * 1000);
  const dayOf = (seconds: number): number => new Date(seconds * 1000).getDate();
  const begins = place === 0 || dayOf(all[place - 1]!) !== dayOf(value);
  return begins ? `${hour.format(value * 1000)}\n${day.format(value * 1000)}` : hour.format(value * 1000);
}

function options({ lines, word, from, to }: ChartProps, width: number): uPlot.Options {
  const axis = {
    stroke: variable("--quiet"),
    grid: { stroke: variable("--line"), width: 1 },
    ticks: { stroke: variable("--line"), width: 1 },
  };
  return {
    width,
    height,
    cursor: { y: false },
    axes: [
      { ...axis, space: 76, values: (_, splits) => splits.map(axisTime) },
      { ...axis, size: 74, values: (_, splits) => splits.map((value) => (value === null ? "" : word(value))) },
    ],
    scales: { x: { range: () => [from, to] }, y: { range: (_, least, most) => [Math.min(0, least ?? 0), Math.max(most ?? 0, 1) * 1.05] } },
    series: [
      { label: "Time", value: (_, value) => (value === null || value === undefined ? "–" : briefTime(value * 1000)) },
      ...lines.map((line): uPlot.Series => ({
        label: line.name,
        stroke: variable(line.colour),
        width: 1.5,
        spanGaps: false,
        points: { size: 4 },
        value: (_, value) => (value === null || value === undefined ? "–" : word(value)),
        ...(line.bars
          ? { paths: uPlot.paths.bars!({ size: [0.8, 40] }), fill: variable(line.colour), width: 0, points: { show: false } }
          : {}),
      })),
    ],
  };
}

/** The numbers in words, for who cannot see the drawing. */
function summary({ data, lines, word }: ChartProps): string {
  return lines
    .map((line, place) => {
      const column: Column = data[place + 1]!;
      const values = column.filter((value): value is number => value !== null);
      if (values.length === 0) return `${line.name}: nothing measured`;
      const most = values.reduce((a, b) => Math.max(a, b));
      return `${line.name}: ${word(values.reduce((a, b) => Math.min(a, b)))} to ${word(most)}, last ${word(values.at(-1)!)}`;
    })
    .join("; ");
}

export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const { title, data } = props;
  useEffect(() => {
    const node = place.current!;
    let plot: uPlot | null = null;
    const draw = (): void => {
      plot?.destroy();
      plot = new uPlot(options(props, node.clientWidth), data as uPlot.AlignedData, node);
    };
    draw();
    const sized = new ResizeObserver(() => {
      if (plot && plot.width !== node.clientWidth) plot.setSize({ width: node.clientWidth, height });
    });
    sized.observe(node);
    // Canvas knows no style sheet: with other colours it is drawn anew.
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const themed = new MutationObserver(draw);
    dark.addEventListener("change", draw);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      sized.disconnect();
      themed.disconnect();
      dark.removeEventListener("change", draw);
      plot?.destroy();
    };
  }, [data]);
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} aria-hidden="true" />
      {props.recordedSince && <p class="quiet small not-recorded">Not recorded before {briefTime(props.recordedSince * 1000)}.</p>}
      <p class="hidden">{summary(props)}</p>
    </figure>
  );
}

const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
export const whole = (value: number): string => (Number.isInteger(value) ? value.toLocaleString("en-GB") : value.toFixed(1));
export const rate = (value: number): string => (value < 1000 ? `${value.toFixed(0)} B/s` : `${byteText(value)}/s`);
const age = (value: number): string => `${value.toFixed(0)} s`;

type Drawn = Omit<ChartProps, "from" | "to">;

function drawn(samples: Sample[]): Drawn[] {
  const [carried, ages] = [traffic(samples), handshakes(samples)];
  return [
    {
      title: "Latency through the tunnel",
      data: latencies(samples),
      word: milliseconds,
      lines: [
        { name: "least", colour: "--quiet" },
        { name: "mean", colour: "--accent" },
        { name: "most", colour: "--warning" },
      ],
    },
    {
      title: "Packets outside the tunnel",
      data: outside(samples),
      word: whole,
      lines: [{ name: "packets", colour: "--danger", bars: true }],
    },
    {
      title: "Traffic of the tunnel",
      data: carried,
      recordedSince: recordedSince(carried),
      word: rate,
      lines: [
        { name: "received", colour: "--accent" },
        { name: "sent", colour: "--secure" },
      ],
    },
    {
      title: "Age of the handshake",
      data: ages,
      recordedSince: recordedSince(ages),
      word: age,
      lines: [
        { name: "mean", colour: "--accent" },
        { name: "most", colour: "--warning" },
      ],
    },
  ];
}

const nothing: Record<string, string> = {
  "Packets outside the tunnel": "Nobody counted in this time.",
  "Latency through the tunnel": "Nobody measured in this time.",
  "Age of the handshake": "Not recorded in this time (WireGuard only).",
  "Traffic of the tunnel": "Not recorded in this time.",
};

export function Charts({ client }: { client: Client }) {
  const [name, setName] = useState(ranges[1]!.name);
  const range = ranges.find((each) => each.name === name)!;
  const answer = useAnswer(
    `${client.client_id} ${name}`,
    async (signal) => {
      const to = store.hubTime();
      const from = new Date(to - range.hours * 3_600_000).toISOString();
      const samples = await askSamples(client.client_id, range.resolution, from, signal);
      const span = { from: Date.parse(from) / 1000, to: to / 1000 };
      return drawn(samples.items).map((chart): ChartProps => ({ ...chart, ...span }));
    },
    60_000,
  );
  return (
    <Panel
      title="Measured"
      tools={
        <div class="switch" role="group" aria-label="Time span">
          {ranges.map((each) => (
            <button key={each.name} type="button" aria-pressed={each.name === name} onClick={() => setName(each.name)}>
              {each.name}
            </button>
          ))}
        </div>
      }
    >
      <Standing what="The measurements" answer={answer} />
      <div class="charts">
        {answer.value?.map((chart) =>
          hasNumbers(chart.data) ? (
            <Chart key={chart.title} {...chart} />
          ) : (
            <figure key={chart.title} class="chart">
              <figcaption>{chart.title}</figcaption>
              <p class="quiet">{nothing[chart.title]}</p>
            </figure>
          ),
        )}
      </div>
    </Panel>
  );
}
