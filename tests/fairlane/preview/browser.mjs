// Opens an HTML file in headless Chromium and prints facts about its visible contents as JSON.
//
//   node browser.mjs page.html '[{"width": 1280, "scheme": "dark", "png": "page.png", "height": 900}]'
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { launch } from "./chromium.mjs";

const [file, looks] = process.argv.slice(2);

// Runs in the page.
function facts() {
  const rect = (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height };
  };
  const overlaps = (a, b) =>
    a.x + 1 < b.x + b.width && b.x + 1 < a.x + a.width && a.y + 1 < b.y + b.height && b.y + 1 < a.y + a.height;
  const contains = (a, b) =>
    a.x - 1 <= b.x && a.y - 1 <= b.y && b.x + b.width <= a.x + a.width + 1 && b.y + b.height <= a.y + a.height + 1;
  const pairs = (items) => items.flatMap((a, index) => items.slice(index + 1).map((b) => [a, b]));
  const colliding = (elements) =>
    pairs(elements.map((element) => [element.textContent.trim(), rect(element)]))
      .filter(([a, b]) => overlaps(a[1], b[1]))
      .map(([a, b]) => [a[0], b[0]]);
  const texts = (root, selector) =>
    [...root.querySelectorAll(selector)].filter((element) => element.textContent.trim() && element.getBoundingClientRect().width);

  const widgets = [...document.querySelectorAll(".widget")].map((widget) => {
    const title = widget.querySelector(".title");
    const content = widget.querySelector(".content");
    const charts = [...widget.querySelectorAll(".chart")];
    return {
      type: widget.dataset.type,
      box: rect(widget),
      title: title ? title.textContent : "",
      titleBox: title ? rect(title) : null,
      titleIsWhole: !title || (contains(rect(widget), rect(title)) && title.scrollWidth <= title.clientWidth),
      text: content.innerText,
      scrolls: content.scrollHeight > content.clientHeight + 1 || content.scrollWidth > content.clientWidth + 1,
      charts: charts.map((chart) => ({
        box: rect(chart),
        isDrawn: Boolean(chart.querySelector(".main-svg")),
        ticks: texts(chart, ".ytick text").map((text) => text.textContent),
      })),
      cut: charts.flatMap((chart) =>
        texts(chart, "svg text").filter((text) => !contains(rect(chart), rect(text))).map((text) => text.textContent)
      ),
      colliding: [
        ...charts.flatMap((chart) => colliding(texts(chart, "svg text"))),
        ...colliding(texts(widget, ".title, .legend li, .value, .number .label, .alarm")),
      ],
    };
  });
  const titles = widgets.map((widget, index) => [widget.title || `${widget.type} ${index}`, widget.box]);
  return {
    widgets,
    overlapping: pairs(titles).filter(([a, b]) => overlaps(a[1], b[1])).map(([a, b]) => [a[0], b[0]]),
    tallestRow: Math.max(0, ...[...document.querySelectorAll(".numbers tbody tr")].map((row) => rect(row).height)),
    isWiderThanWindow: document.documentElement.scrollWidth > innerWidth,
    background: getComputedStyle(document.body).backgroundColor,
  };
}

const browser = await launch();
const results = [];
for (const { width, scheme, png, height } of JSON.parse(looks)) {
  const page = await browser.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => /^(file|data|blob|about):/.test(request.url()) || requests.push(request.url()));
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(pathToFileURL(resolve(file)).href);
  await page.waitForSelector("html[data-drawn]", { timeout: 20_000 }).catch((error) => errors.push(String(error)));
  results.push({ width, scheme, errors, requests, ...(await page.evaluate(facts)) });
  if (png) await page.screenshot({ path: png, ...(height ? { clip: { x: 0, y: 0, width, height } } : { fullPage: true }) });
  await page.close();
}
await browser.close();
console.log(JSON.stringify(results));
