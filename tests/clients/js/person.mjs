// SPDX-License-Identifier: AGPL-3.0-or-later
// A person with matrix-js-sdk and its Rust crypto: what a user of a client would do, and wait for what a user would see.
import * as sdk from "matrix-js-sdk";
import { CryptoEvent, decodeRecoveryKey } from "matrix-js-sdk/lib/crypto-api/index.js";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { webcrypto } from "node:crypto";

logger.setLevel?.("silent");
for (const name of ["debug", "log", "info", "trace"]) console[name] = () => {};

export const WAIT_MS = 30_000;

/* Asks `look` again on every tick until it gives something. */
export async function until(what, look, ms = WAIT_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await look();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((r) => setTimeout(r, 25));
  }
}

export async function api(url, method, path, token, body) {
  const reply = await fetch(url + path, {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const json = await reply.json();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(json)}`);
  return json;
}

export class Person {
  /* Registers (or signs in, when `login`) and starts syncing. */
  static async arrive(url, name, { login = false, recoveryKey = null } = {}) {
    const p = new Person();
    p.url = url;
    p.name = name;
    p.password = `${name}-Secret-1`;
    p.recoveryKey = recoveryKey;
    const plain = sdk.createClient({ baseUrl: url });
    const who = login
      ? await plain.loginRequest({ type: "m.login.password", identifier: { type: "m.id.user", user: name }, password: p.password, initial_device_display_name: `${name}'s second` })
      : await plain.registerRequest({ username: name, password: p.password, auth: { type: "m.login.dummy" }, initial_device_display_name: `${name}'s first` });
    p.id = who.user_id;
    p.device = who.device_id;
    p.token = who.access_token;
    p.client = sdk.createClient({
      baseUrl: url, userId: p.id, deviceId: p.device, accessToken: p.token,
      verificationMethods: ["m.sas.v1"],
      cryptoCallbacks: {
        getSecretStorageKey: async ({ keys }) => {
          if (!p.recoveryKey) return null;
          return [Object.keys(keys)[0], decodeRecoveryKey(p.recoveryKey)];
        },
        cacheSecretStorageKey: () => {},
      },
    });
    await p.client.initRustCrypto({ useIndexedDB: false });
    p.crypto = p.client.getCrypto();
    p.crypto.globalBlacklistUnverifiedDevices = false;
    const ready = new Promise((resolve) => {
      p.client.on(sdk.ClientEvent.Sync, (state) => { if (state === "PREPARED") resolve(); });
    });
    await p.client.startClient({ initialSyncLimit: 20, lazyLoadMembers: true, pollTimeout: 5000 });
    await ready;
    return p;
  }

  async setUpKeys() {
    await this.crypto.bootstrapCrossSigning({
      authUploadDeviceSigningKeys: (send) => send({
        type: "m.login.password", identifier: { type: "m.id.user", user: this.id }, password: this.password }),
    });
    await this.crypto.bootstrapSecretStorage({
      createSecretStorageKey: async () => {
        const key = await this.crypto.createRecoveryKeyFromPassphrase();
        this.recoveryKey = key.encodedPrivateKey;
        return key;
      },
      setupNewSecretStorage: true,
      setupNewKeyBackup: true,
    });
  }

  room(id) { return until(`${this.name} to be in ${id}`, () => {
    const r = this.client.getRoom(id);
    return r?.getMyMembership() === "join" ? r : null;
  }); }

  /* Waits until a message with that body is decrypted in the room's timeline. */
  async reads(roomId, body) {
    return until(`${this.name} to read "${body}"`, async () => {
      const room = this.client.getRoom(roomId);
      for (const ev of room?.getLiveTimeline().getEvents() ?? []) {
        if (ev.isEncrypted() && ev.shouldAttemptDecryption?.()) await this.client.decryptEventIfNeeded(ev).catch(() => {});
        if (ev.getContent().body === body && !ev.isDecryptionFailure()) return ev;
      }
      return null;
    });
  }

  async says(roomId, body) {
    await this.room(roomId);
    return (await this.client.sendTextMessage(roomId, body)).event_id;
  }

  /* Verifies the other by SAS, both pressing "they match". */
  async verifies(other) {
    const asked = new Promise((resolve) => other.client.once(CryptoEvent.VerificationRequestReceived, resolve));
    const mine = await this.crypto.requestDeviceVerification(other.id, other.device);
    const theirs = await asked;
    const emoji = [];
    const press = async (request, start) => {
      if (!start) await request.accept();
      await until("ready", () => request.phase >= 3 /* Ready */);
      let verifier = start ? await request.startVerification("m.sas.v1") : await until("started", () => request.verifier);
      verifier.on("show_sas", (sas) => { emoji.push(sas.sas.decimal.join(" ")); sas.confirm(); });
      const early = verifier.getShowSasCallbacks();
      if (early) { emoji.push(early.sas.decimal.join(" ")); early.confirm(); }
      await verifier.verify();
    };
    await Promise.all([press(mine, true), press(theirs, false)]);
    if (emoji.length !== 2 || emoji[0] !== emoji[1]) throw new Error(`different numbers shown: ${emoji}`);
  }

  /* Encrypts, uploads and sends a file as clients do (m.file, AES-CTR). */
  async sendsFile(roomId, name, bytes) {
    const key = await webcrypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
    const iv = new Uint8Array(16);
    webcrypto.getRandomValues(iv.subarray(0, 8));
    const cipher = new Uint8Array(await webcrypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 64 }, key, bytes));
    const hash = new Uint8Array(await webcrypto.subtle.digest("SHA-256", cipher));
    const b64 = (b) => Buffer.from(b).toString("base64").replace(/=+$/, "");
    const { content_uri: uri } = await this.client.uploadContent(new Blob([cipher]), { type: "application/octet-stream", includeFilename: false });
    return this.client.sendMessage(roomId, {
      msgtype: "m.file", body: name,
      file: { url: uri, key: await webcrypto.subtle.exportKey("jwk", key), iv: b64(iv), hashes: { sha256: b64(hash) }, v: "v2" },
      info: { size: bytes.length },
    });
  }

  async downloads(event) {
    const { file } = event.getContent();
    const reply = await fetch(this.client.mxcUrlToHttp(file.url, undefined, undefined, undefined, false, true, true),
      { headers: { authorization: `Bearer ${this.token}` } });
    if (!reply.ok) throw new Error(`download: ${reply.status} ${await reply.text()}`);
    const cipher = new Uint8Array(await reply.arrayBuffer());
    const hash = Buffer.from(await webcrypto.subtle.digest("SHA-256", cipher)).toString("base64").replace(/=+$/, "");
    if (hash !== file.hashes.sha256) throw new Error("the file came back changed");
    const key = await webcrypto.subtle.importKey("jwk", file.key, { name: "AES-CTR" }, false, ["decrypt"]);
    return new Uint8Array(await webcrypto.subtle.decrypt({ name: "AES-CTR", counter: Buffer.from(file.iv, "base64"), length: 64 }, key, cipher));
  }

  async leaves() {
    this.client.stopClient();
    await this.client.logout(true).catch(() => {});
  }
}
