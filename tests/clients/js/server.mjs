// SPDX-License-Identifier: AGPL-3.0-or-later
// Starts a beffroid of the test's own on a free port, or uses BEFFROI_URL.
// BEFFROI_PROXY, if set, is a command that listens before it: "{port} {url}" are filled in.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

function freePort() {
  return new Promise((resolve, reject) => {
    const s = createServer();
    s.on("error", reject);
    s.listen(0, "127.0.0.1", () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });
}

async function answers(url, seconds) {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    try {
      if ((await fetch(url + "/_matrix/client/versions")).ok) return;
    } catch { /* not up yet */ }
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`${url} does not answer`);
}

/* With oauth the server says that clients reach it where it listens, so that it offers the OAuth 2.0 API. */
export async function startServer({ oauth = false } = {}) {
  if (process.env.BEFFROI_URL && !oauth)
    return { url: process.env.BEFFROI_URL, stop: async () => {} };
  const program = process.env.BEFFROID;
  if (!program) throw new Error("BEFFROID names no program");
  const dir = mkdtempSync(join(tmpdir(), "beffroi-js-"));
  const port = await freePort();
  const child = spawn(program, ["--data", dir, "--server-name", "localhost",
    "--listen", `127.0.0.1:${port}`, "--open-registration", "--no-limits",
    ...(oauth ? [`--server.public_baseurl=http://127.0.0.1:${port}/`] : [])],
  { stdio: ["ignore", "inherit", "inherit"] });
  const url = `http://127.0.0.1:${port}`;
  await answers(url, 20);
  const stop = async () => {
    const gone = new Promise((r) => child.once("exit", (code, sig) => r(code ?? sig)));
    child.kill("SIGTERM");
    const how = await gone;
    rmSync(dir, { recursive: true, force: true });
    if (how !== 0) throw new Error(`beffroid ended with ${how}`);
  };
  return { url, stop, port };
}
