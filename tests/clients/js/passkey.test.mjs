// SPDX-License-Identifier: AGPL-3.0-or-later
// The script of the passkey pages, in a document as small as it needs: what it
// asks of the browser, and what it puts into the form.
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import vm from "node:vm";

const script = readFileSync(new URL("../../../src/api/oauth/passkey.js", import.meta.url), "utf8");
const bytes = (...b) => Uint8Array.from(b).buffer;

/* Runs the script on a page with that button; credentials: what the browser's own does. */
function open(dataset, credentials, passkeys = true) {
  const page = { failed: { hidden: true, focus() {} }, fields: {}, submitted: 0 };
  const elements = Object.fromEntries(["id", "client_data", "auth_data", "sig"].map((n) => [n, { value: "" }]));
  const button = {
    dataset, hidden: true, disabled: false,
    form: { elements, reportValidity: () => true, submit: () => { page.submitted++; } },
    addEventListener: (name, fn) => { page.click = () => fn({ preventDefault() {} }); },
  };
  Object.assign(page, { button, elements });
  vm.runInNewContext(script, {
    document: { querySelector: () => button, getElementById: () => page.failed },
    window: passkeys ? { PublicKeyCredential: class {} } : {},
    navigator: { credentials }, atob, btoa, Uint8Array, String,
  });
  return page;
}

test("signing in", async () => {
  let asked;
  const page = open({ passkey: "use", challenge: "_-8", host: "a.example" }, {
    get: async ({ publicKey }) => {
      asked = publicKey;
      return { rawId: bytes(255, 254), response: { clientDataJSON: bytes(1), authenticatorData: bytes(2), signature: bytes(3, 4) } };
    },
  });
  assert.equal(page.button.hidden, false);
  await page.click();
  assert.deepEqual([...asked.challenge], [255, 239]);
  assert.equal(asked.rpId, "a.example");
  assert.equal(asked.userVerification, "required");
  assert.equal(page.submitted, 1);
  assert.deepEqual(Object.values(page.elements).map((e) => e.value), ["__4", "AQ", "Ag", "AwQ"]);
});

test("making one", async () => {
  let asked;
  const page = open({ passkey: "make", challenge: "AA", host: "a.example", service: "S", user: "AQ", name: "@a:b", known: " AQ Ag" }, {
    create: async ({ publicKey }) => {
      asked = publicKey;
      return { rawId: bytes(1), response: { clientDataJSON: bytes(2), getAuthenticatorData: () => bytes(3) } };
    },
  });
  await page.click();
  assert.equal(asked.attestation, "none");
  assert.equal(asked.authenticatorSelection.residentKey, "required");
  assert.deepEqual([...asked.pubKeyCredParams].map((p) => p.alg), [-7, -8, -257]);
  assert.deepEqual([...asked.excludeCredentials].map((c) => [...c.id]), [[1], [2]]);
  assert.equal(page.submitted, 1);
  assert.equal(page.elements.auth_data.value, "Aw");
});

test("a browser that refuses, and one that has none", async () => {
  const page = open({ passkey: "use", challenge: "AA", host: "x" }, { get: async () => { throw new Error("no"); } });
  await page.click();
  assert.equal(page.submitted, 0);
  assert.equal(page.failed.hidden, false);
  assert.equal(page.button.disabled, false);
  const old = open({ passkey: "use" }, {}, false);
  assert.equal(old.button.hidden, true);
  assert.equal(old.failed.hidden, false);
});
