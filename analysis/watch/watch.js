"use strict";
// Watch: asks the server for the state again and again, and changes only what changed, so that a selection or a scroll stays.
const $ = (id) => document.getElementById(id);
const shownOnce = new Map();
const changed = (part, content) => {
  const text = JSON.stringify(content);
  if (shownOnce.get(part) === text) return false;
  shownOnce.set(part, text);
  return true;
};
const made = (name, text = "", className = "") => {
  const element = document.createElement(name);
  if (text !== "") element.textContent = text;
  if (className) element.className = className;
  return element;
};
const duration = (seconds) => {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "less than a minute";
  if (minutes < 120) return `${minutes} minute${minutes === 1 ? "" : "s"}`;
  return `${(minutes / 60).toFixed(1)} hours`;
};
const notice = (id, text) => {
  $(id).hidden = !text;
  if ($(id).textContent !== text) $(id).textContent = text;
};

// A table from heads and rows of texts or elements; the first text of a row is its head.
const table = (heads, rows) => {
  const whole = made("table");
  const head = made("tr");
  for (const text of heads) {
    const cell = made("th", text);
    cell.scope = "col";
    head.append(cell);
  }
  const top = made("thead");
  top.append(head);
  const body = made("tbody", "", "flat");
  for (const cells of rows) {
    const row = made("tr");
    cells.forEach((cell, place) => {
      const element = place === 0 ? made("th") : made("td");
      if (place === 0) element.scope = "row";
      if (place === 0 && cell.length > 22) element.className = "long";
      if (cell && cell.className === "reason") element.className = "wide";
      element.append(cell);
      row.append(element);
    });
    body.append(row);
  }
  whole.append(top, body);
  return whole;
};
const fill = (id, heads, rows) => {
  $(id).hidden = rows.length === 0;
  if (!changed(id, rows.map((row) => row.map((cell) => (cell instanceof Element ? cell.outerHTML : cell))))) return;
  $(id).replaceChildren(rows.length ? table(heads, rows) : "");
};

const showHead = (state) => {
  const done = state.counts.done;
  const others = Object.entries(state.counts).filter(([name, n]) => n && name !== "done").map(([name, n]) => `${n} ${name}`);
  const unfinished = ["running", "interrupted", "waiting", "damaged"].some((name) => state.counts[name]);
  const word = state.drivers.length ? "Running" : unfinished ? "Nobody is at work" : state.counts.failed ? "Ended with failures" : "Complete";
  document.title = `${Math.floor(100 * state.share)} % ${state.name}`;
  $("name").textContent = state.name;
  $("question").textContent = state.question;
  $("state").replaceChildren(made("strong", `${word}: `), `${done} of ${state.planned} trials are done${others.length ? `, ${others.join(", ")}` : ""}.`);
  if (changed("bar", [state.counts, state.share])) {
    const parts = Object.entries(state.counts).filter(([, n]) => n).map(([name, n]) => {
      const part = made("i", "", `s-${name}`);
      part.style.width = `${(100 * n) / state.planned}%`;
      return part;
    });
    $("bar").replaceChildren(...parts);
    $("keys").replaceChildren(...Object.entries(state.counts).filter(([, n]) => n).map(([name, n]) => {
      const item = made("li");
      item.append(made("span", "", `key s-${name}`), `${n} ${name}`);
      return item;
    }));
  }
  const about = [`${(100 * state.share).toFixed(1)} % of the work`];
  if (state.left !== null) about.push(`about ${duration(state.left)} left`);
  about.push(...state.drivers.map((driver) => `at work: ${driver}`));
  if (state.others) about.push(`${state.others} more finished trials in the folder are no part of this sweep`);
  about.push(`read at ${state.at}, again every ${state.interval} s`);
  $("about").textContent = about.join(" · ");
  notice("damaged", state.damaged.length ? `Files that do not open, so that nothing in them is counted: ${state.damaged.join(", ")}.` : "");
};

const showTrials = (state) => {
  const several = state.datasets.length > 1;
  const listed = [...state.running, ...state.troubles];
  const rates = listed.some((trial) => trial.learning_rate !== "");
  const axes = listed.some((trial) => trial.axes !== "");
  const heads = [...(several ? ["data set"] : []), "data", "seed", ...(rates ? ["lr"] : []), ...(axes ? ["axes"] : [])];
  const cells = (trial) => [
    ...(several ? [trial.dataset] : []), trial.fraction, String(trial.seed),
    ...(rates ? [trial.learning_rate] : []), ...(axes ? [trial.axes] : []),
  ];
  fill("running", ["strategy", "step", "", ...heads, "start", "host"], state.running.map((trial) => {
    const bar = made("progress");
    bar.max = trial.steps || 1;
    bar.value = trial.step || 0;
    const step = trial.steps === null ? "no checkpoint yet" : `${trial.step.toLocaleString("en")} of ${trial.steps.toLocaleString("en")}`;
    const start = trial.before ? `${trial.attempt} (before: ${trial.before})` : String(trial.attempt || "");
    return [trial.strategy, step, bar, ...cells(trial), start, trial.host];
  }));
  $("running-none").hidden = state.running.length > 0;
  $("running-note").hidden = state.running.length === 0;
  fill("troubles", ["strategy", "state", ...heads, "step", "reason", "trial"], state.troubles.map((trial) => [
    trial.strategy, trial.state, ...cells(trial), trial.state === "diverged" ? trial.step.toLocaleString("en") : "",
    made("span", trial.reason, "reason"), made("code", trial.trial_id),
  ]));
  $("troubles-none").hidden = state.troubles.length > 0;
  notice("troubles-note", state.n_troubles > state.troubles.length ? `${state.troubles.length} of ${state.n_troubles} are shown; the report's download has all.` : "");
  const names = Object.keys(state.counts).filter((name) => state.counts[name]);
  const set = several ? ["data set"] : [];
  fill("progress", ["strategy", ...set, "planned", ...names], state.lines.map((line) => [
    line.strategy, ...(several ? [line.dataset] : []), String(line.planned), ...names.map((name) => (line[name] ? String(line[name]) : "")),
  ]));
};

const choices = (id, names, chosen) => {
  if (changed(id, names)) {
    $(id).replaceChildren(...names.map((name) => {
      const option = made("option", name);
      option.value = name;
      return option;
    }));
  }
  if (document.activeElement !== $(id)) $(id).value = chosen;
};
const strategies = [];
let drawn = null;
const drawCurves = () => {
  $("curves-none").hidden = drawn !== null && drawn.lines.length > 0;
  $("chart").hidden = !$("curves-none").hidden;
  if ($("chart").hidden) return;
  const width = Math.round($("chart").clientWidth) || 800;
  if (!changed("chart", [drawn, width])) return;
  chart.draw($("chart"), { lines: drawn.lines, strategies, measure: drawn.measure, width });
};
const showCurves = async (state, mine) => {
  const query = new URLSearchParams({ dataset: $("dataset").value || state.datasets[0] || "", measure: $("measure").value });
  const answer = await ask(`/curves.json?${query}`);
  if (mine !== turn) return;
  drawn = answer;
  for (const line of drawn.lines) {
    line.label = `${line.strategy}, ${100 * line.fraction} % of the data, seed ${line.seed}${line.running ? ", running" : ""}`;
    if (!strategies.includes(line.strategy)) strategies.push(line.strategy);
  }
  choices("dataset", state.datasets, drawn.dataset);
  choices("measure", drawn.measures, drawn.measure);
  drawCurves();
};

const ask = async (path) => {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  return answer.json();
};
let timer = 0;
let interval = 2;
let turn = 0;
const refresh = async () => {
  const mine = ++turn; // of two that overlap, the later one speaks
  clearTimeout(timer);
  try {
    const state = await ask("/state.json");
    if (mine !== turn) return;
    interval = state.interval;
    notice("trouble", state.trouble);
    if (state.ready) {
      showHead(state);
      showTrials(state);
      await showCurves(state, mine);
    } else {
      $("state").textContent = "Waiting for a sweep's results folder.";
    }
    document.documentElement.dataset.refreshed = String(Number(document.documentElement.dataset.refreshed || 0) + 1);
  } catch (error) {
    if (mine !== turn) return;
    notice("trouble", `No answer from mtlray watch (${error.message}): it has ended, or the tunnel to it is closed. What stands here is what it said last.`);
  }
  if (mine === turn && !document.hidden) timer = setTimeout(refresh, 1000 * interval);
};
for (const id of ["dataset", "measure"]) $(id).addEventListener("change", refresh);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
addEventListener("resize", drawCurves);
refresh();
