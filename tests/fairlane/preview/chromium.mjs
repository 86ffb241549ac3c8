// Headless Chromium. An npm package contains it with its libraries and fonts, which are extracted into the temporary folder.
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import chromium, { inflate, setupLambdaEnvironment } from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

export async function launch() {
  const packed = join(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))), "..", "bin");
  const fonts = join(tmpdir(), "fonts.conf");
  const folders = `<dir>${join(tmpdir(), "fonts")}</dir><cachedir>${join(tmpdir(), "fonts-cache")}</cachedir>`;
  writeFileSync(fonts, `<?xml version="1.0"?><fontconfig>${folders}</fontconfig>`);
  process.env.FONTCONFIG_FILE = fonts;
  setupLambdaEnvironment(join(tmpdir(), "al2023", "lib"));
  const [executablePath] = await Promise.all([chromium.executablePath(), inflate(join(packed, "al2023.tar.br"))]);
  // The package turns off the policies of origins, and requests then have no Origin header.
  const args = chromium.args.filter((argument) => argument !== "--disable-web-security");
  return puppeteer.launch({ args, executablePath, headless: "shell" });
}
