// Opens the page of a local AWS in headless Chromium, uses it, and prints facts about what it shows as JSON.
//
//   node browser.mjs URL '[{"width": 1280, "scheme": "dark", "png": "page.png", "height": 900, "steps": [["click", "#pause"]]}]'
//
// A step is ["click", selector], ["select", selector, value], ["press", key], ["open", selector of a link] or ["wait", expression that becomes true].
import { launch } from "../../fairlane/preview/chromium.mjs";

const [url, looks] = process.argv.slice(2);

// Runs in the page.
function facts() {
  if (!document.getElementById("queues")) return { drawn: document.documentElement.dataset.drawn, text: document.body.innerText };
  const text = (element) => element.innerText.trim();
  const all = (selector, root = document) => [...root.querySelectorAll(selector)].filter((item) => item.checkVisibility());
  const rows = (table) => all("tbody tr", table).map((row) => [...row.cells].map(text));
  const rgb = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = rgb(color).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const background = (element) => {
    const color = element ? getComputedStyle(element).backgroundColor : "rgb(255, 255, 255)";
    return element && rgb(color)[3] === 0 ? background(element.parentElement) : color;
  };
  const contrast = (element) => {
    const [low, high] = [getComputedStyle(element).color, background(element)].map(luminance).sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const withText = all("body *").filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return {
    url: location.href,
    status: text(document.getElementById("status")),
    clock: text(document.querySelector(".clock")),
    queues: all(".queue").map((card) => ({
      name: text(card.querySelector("h3")),
      about: text(card.querySelector(".about")),
      rows: rows(card),
      front: all(".front button", card).map(text),
      bars: all(".bar", card).map((bar) => Object.fromEntries([...bar.children].map((part) => [part.className, parseFloat(part.style.width)]))),
    })),
    preemptions: all("#preemptions li").map(text),
    alarms: text(document.getElementById("alarm-counts")),
    inAlarm: all("#alarms li").map(text),
    dashboards: all("#dashboards a").map((link) => link.getAttribute("href")),
    jobs: rows(document.querySelector(".jobs")),
    jobCount: text(document.getElementById("job-count")),
    job: document.getElementById("job").open ? { title: text(document.getElementById("job-title")), attempts: rows(document.getElementById("job")), log: text(document.getElementById("log")) } : null,
    focus: document.activeElement?.innerText ?? "",
    landmarks: all("header, main, section[aria-labelledby]").map((item) => item.localName),
    headings: all("h1, h2, h3").map((heading) => Number(heading.localName[1])),
    headersWithoutScope: all("th:not([scope])").length,
    unlabelled: all("select, button").filter((item) => !text(item) && !item.labels?.length && !item.ariaLabel).length,
    lowContrast: [...new Set(withText.filter((element) => contrast(element) < 4.5).map((element) => `${element.localName}.${element.className} ${contrast(element).toFixed(1)}`))],
    isWiderThanWindow: document.documentElement.scrollWidth > innerWidth,
    cut: all(".queue, .card").filter((card) => card.scrollWidth > card.clientWidth + 1).map((card) => text(card).slice(0, 40)),
    background: getComputedStyle(document.body).backgroundColor,
  };
}

const browser = await launch();
const results = [];
for (const { width, scheme, png, height, steps = [] } of JSON.parse(looks)) {
  const page = await browser.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => request.url().startsWith(new URL(url).origin) || requests.push(request.url()));
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(url);
  // The second answer has the jobs of the queue that the first one selected.
  const wait = (expression) => page.waitForFunction(expression, { timeout: 20_000 }).catch((error) => errors.push(`${expression}: ${error}`));
  await wait("document.documentElement.dataset.polls > 1 || document.querySelector('#status').textContent || (document.documentElement.dataset.polls && !document.querySelector('.queue'))");
  for (const [step, target, value] of steps) {
    if (step === "click") await page.click(target);
    if (step === "select") await page.select(target, value);
    if (step === "press") await page.keyboard.press(target);
    if (step === "open") await page.goto(await page.$eval(target, (link) => link.href));
    if (step === "wait") await wait(target);
  }
  results.push({ width, scheme, errors, requests, ...(await page.evaluate(facts)) });
  if (png) await page.screenshot({ path: png, ...(height ? { clip: { x: 0, y: 0, width, height } } : { fullPage: true }) });
  await page.close();
}
await browser.close();
console.log(JSON.stringify(results));
