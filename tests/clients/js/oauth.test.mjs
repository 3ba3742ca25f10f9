// SPDX-License-Identifier: AGPL-3.0-or-later
// matrix-js-sdk signs in by the OAuth 2.0 API, as Element Web does; a browser
// without script goes through the pages. The client refreshes, resets its
// cross-signing keys by the account page, and signs out.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import * as sdk from "matrix-js-sdk";
import { OAuth2 } from "matrix-js-sdk/lib/oauth/index.js";
import { api } from "./person.mjs";
import { startServer } from "./server.mjs";

const REDIRECT = "https://web.example.org/back";
const run = Date.now().toString(36);
const password = `oauth-${run}-Secret-1`;
let server, oauth, client, tokens;

/* Keeps cookies and fills in the one form whose action ends so. */
class Browser {
  cookies = new Map();

  async ask(url, body) {
    for (let hops = 0; hops < 8; hops++) {
      if (!url.startsWith(server.url)) return { url };
      const reply = await fetch(url, {
        method: body ? "POST" : "GET", body, redirect: "manual",
        headers: { cookie: [...this.cookies].map((c) => c.join("=")).join("; ") },
      });
      for (const line of reply.headers.getSetCookie()) {
        const [name, value] = line.split(";")[0].split("=");
        this.cookies.set(name, value);
      }
      if (reply.status !== 303) return { url, status: reply.status, text: await reply.text() };
      url = reply.headers.get("location");
      body = undefined;
    }
    throw new Error("redirects without end");
  }

  submit(page, path, fields) {
    const plain = (s) => s.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'");
    for (const [, action, inner] of page.text.matchAll(/<form method="post" action="([^"]*)">(.*?)<\/form>/gs)) {
      if (!plain(action).split("?")[0].endsWith(path)) continue;
      const form = new URLSearchParams();
      for (const [, name, value] of inner.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)) form.set(name, plain(value));
      for (const [name, value] of Object.entries(fields)) form.set(name, value);
      return this.ask(server.url + plain(action), form);
    }
    throw new Error(`no form for ${path} in ${page.text}`);
  }
}

const browser = new Browser();
const step = (name, fn) => test(name, { timeout: 60_000 }, fn);

before(async () => {
  server = await startServer({ oauth: true });
  await api(server.url, "POST", "/_matrix/client/v3/register", null, { username: `oauth-${run}`, password, auth: { type: "m.login.dummy" } });
}, { timeout: 60_000 });
after(async () => {
  client?.stopClient();
  await server?.stop();
  setTimeout(() => process.exit(), 500).unref();
});

step("the client discovers, registers and is allowed", async () => {
  const metadata = await sdk.createClient({ baseUrl: server.url }).getAuthMetadata();
  const clientId = await OAuth2.registerClient(metadata, {
    client_name: "Element", client_uri: "https://web.example.org/", redirect_uris: [REDIRECT],
    logo_uri: "https://web.example.org/logo.png", tos_uri: "https://web.example.org/tos", policy_uri: "https://elsewhere.example/policy",
  });
  oauth = new OAuth2(metadata, { clientId });
  let page = await browser.ask(await oauth.generateAuthorizationCodeGrantUrl("some-state", REDIRECT));
  page = await browser.submit(page, "/sign-in", { username: `oauth-${run}`, password });
  assert.match(page.text, /Element/);
  page = await browser.submit(page, "/authorize", { decision: "allow" });
  const answer = new URLSearchParams(new URL(page.url).hash.slice(1));
  assert.equal(answer.get("state"), "some-state");
  tokens = await oauth.completeAuthorizationCodeGrant(answer.get("code"), REDIRECT);
});

step("it is signed in, and refreshes by itself", async () => {
  client = sdk.createClient({
    baseUrl: server.url, accessToken: "bat_expired", refreshToken: tokens.refresh_token, userId: `@oauth-${run}:localhost`,
    deviceId: oauth.context.deviceId, oauthClientId: oauth.context.clientId,
  });
  const who = await client.whoami();
  assert.equal(who.user_id, `@oauth-${run}:localhost`);
  assert.equal(who.device_id, oauth.context.deviceId);
  assert.match(client.getAccessToken(), /^bat_/);
  assert.notEqual(client.getAccessToken(), "bat_expired");
});

step("new cross-signing keys are allowed on the account page", async () => {
  const key = (letter) => Buffer.from(letter.repeat(32)).toString("base64").replace(/=+$/, "");
  const upload = (letter, auth) => client.http.authedRequest("POST", "/keys/device_signing/upload", undefined, {
    auth, master_key: { user_id: client.getUserId(), usage: ["master"], keys: { [`ed25519:${key(letter)}`]: key(letter) } },
  });
  await upload("a");
  const asked = await upload("b").then(() => null, (e) => e);
  assert.equal(asked.httpStatus, 401);
  assert.ok(asked.data.flows.some((f) => f.stages[0] === "m.oauth"));
  const page = await browser.ask(asked.data.params["m.oauth"].url);
  await browser.submit(page, "/reset", {});
  await upload("b", { session: asked.data.session });
});

step("a device without a browser is let in", async () => {
  const device = new OAuth2(oauth.metadata, { clientId: oauth.context.clientId });
  const session = await device.startDeviceAuthorizationGrant();
  const page = await browser.ask(session.verification_uri_complete);
  await browser.submit(page, "/link", { decision: "allow" });
  const t = await device.waitForDeviceAuthorizationGrant(session);
  const who = await sdk.createClient({ baseUrl: server.url, accessToken: t.access_token }).whoami();
  assert.equal(who.device_id, device.context.deviceId);
});

step("it signs out", async () => {
  const token = client.getAccessToken();
  await client.logout();
  await assert.rejects(sdk.createClient({ baseUrl: server.url, accessToken: token }).whoami());
});
