"use strict";
// Chart: lines in SVG, each strategy with a colour and dashes of its own, as wide as the place it stands in.
const chart = (() => {
  const node = (name, attributes = {}, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  // Round numbers between two ends, about `count` of them.
  const ticks = (low, high, count) => {
    const rough = (high - low) / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
    const found = [];
    for (let at = Math.ceil(low / step); at * step <= high * (1 + 1e-12); at += 1) found.push(at * step);
    return found;
  };
  const shown = (value) => (Math.abs(value) >= 1000 ? value.toLocaleString("en") : String(Number(value.toPrecision(6))));
  const look = (place) => `c${place % 8} d${Math.floor(place / 8) % 3}`;

  // Heights that leave out the wild start of training where it would flatten all that follows.
  const heights = (lines) => {
    const values = lines.flatMap((line) => line.points.map((point) => point[1])).sort((a, b) => a - b);
    const at = (share) => values[Math.min(values.length - 1, Math.floor(share * values.length))];
    let [low, high] = [values[0], values[values.length - 1]];
    const [inner, outer] = [at(0.05), at(0.95)];
    const room = 1.5 * (outer - inner);
    const cut = room > 0 && (low < inner - room || high > outer + room);
    if (cut) [low, high] = [Math.max(low, inner - room), Math.min(high, outer + room)];
    const margin = 0.04 * (high - low) || Math.abs(high) * 0.01 || 0.5;
    return { low: low - margin, high: high + margin, cut };
  };

  const draw = (place, { lines, strategies, measure, width }) => {
    const height = 320;
    const edge = { left: 58, right: 12, top: 10, bottom: 34 };
    const last = Math.max(1, ...lines.map((line) => line.points[line.points.length - 1][0]));
    const { low, high, cut } = heights(lines);
    const x = (step) => edge.left + (step / last) * (width - edge.left - edge.right);
    const y = (value) => height - edge.bottom - ((value - low) / (high - low)) * (height - edge.top - edge.bottom);
    const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${measure} against the steps` });
    for (const value of ticks(low, high, 5)) {
      svg.append(node("line", { class: "axis", x1: edge.left, x2: width - edge.right, y1: y(value), y2: y(value) }));
      svg.append(node("text", { x: edge.left - 6, y: y(value) + 4, "text-anchor": "end" }, shown(value)));
    }
    for (const step of ticks(0, last, Math.max(2, Math.floor(width / 130)))) {
      const anchor = x(step) > width - 30 ? "end" : "middle";
      const at = anchor === "end" ? width - 1 : x(step);
      svg.append(node("text", { x: at, y: height - edge.bottom + 16, "text-anchor": anchor }, shown(step)));
    }
    svg.append(node("text", { x: width - edge.right, y: height - 3, "text-anchor": "end" }, "step"));
    const frame = node("clipPath", { id: "frame" });
    frame.append(node("rect", { x: edge.left, y: edge.top, width: width - edge.left - edge.right, height: height - edge.top - edge.bottom }));
    svg.append(frame);
    const inside = node("g", { "clip-path": "url(#frame)" });
    for (const line of lines) {
      const name = look(strategies.indexOf(line.strategy));
      const now = line.running ? " now" : "";
      const path = line.points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
      const drawn = node("polyline", { class: `line ${name}${now}`, points: path });
      drawn.append(node("title", {}, line.label));
      const [step, value] = line.points[line.points.length - 1];
      inside.append(drawn, node("circle", { class: `end ${name}${now}`, cx: x(step).toFixed(1), cy: y(value).toFixed(1), r: 2.5 }));
    }
    svg.append(inside);
    const legend = document.createElement("ul");
    legend.className = "legend";
    for (const strategy of strategies.filter((each) => lines.some((line) => line.strategy === each))) {
      const item = document.createElement("li");
      const key = node("svg", { viewBox: "0 0 28 8", "aria-hidden": "true" });
      key.append(node("line", { class: `line now ${look(strategies.indexOf(strategy))}`, x1: 0, x2: 28, y1: 4, y2: 4 }));
      item.append(key, strategy);
      legend.append(item);
    }
    const caption = document.createElement("figcaption");
    const running = lines.filter((line) => line.running).length;
    caption.textContent =
      `${measure} of ${running} running trial${running === 1 ? "" : "s"} (bold) and of ${lines.length - running} that ended` +
      ` (faint), one line a trial.${cut ? " Values far from the others lie outside the frame." : ""}`;
    place.replaceChildren(legend, svg, caption);
  };
  return { draw };
})();
