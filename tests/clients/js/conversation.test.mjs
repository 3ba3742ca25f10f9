// SPDX-License-Identifier: AGPL-3.0-or-later
// Two people with real clients: they register, set up cross-signing and key
// backup, verify each other, talk and exchange a file in an encrypted room; one
// signs in on a new device and reads what was said before.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { KnownMembership } from "matrix-js-sdk/lib/@types/membership.js";
import { Person, api, until } from "./person.mjs";
import { startServer } from "./server.mjs";

let server, alice, bob, roomId;
const run = Date.now().toString(36);

before(async () => { server = await startServer(); }, { timeout: 60_000 });
after(async () => {
  for (const p of [alice, bob]) p?.client.stopClient();
  await server?.stop();
  setTimeout(() => process.exit(), 500).unref();
});

const step = (name, fn) => test(name, { timeout: 90_000 }, fn);

step("two people register and their clients sync", async () => {
  alice = await Person.arrive(server.url, `alice-${run}`);
  bob = await Person.arrive(server.url, `bob-${run}`);
  await alice.client.setDisplayName("Alice Martin");
  assert.equal((await bob.client.getProfileInfo(alice.id)).displayname, "Alice Martin");
});

step("both set up cross-signing, recovery and key backup", async () => {
  await alice.setUpKeys();
  await bob.setUpKeys();
  for (const p of [alice, bob]) {
    assert.equal(await p.crypto.isCrossSigningReady(), true);
    assert.equal(await p.crypto.isSecretStorageReady(), true);
    assert.ok(await p.crypto.getActiveSessionBackupVersion(), "the backup is active");
  }
});

step("alice opens an encrypted room and bob accepts the invitation", async () => {
  ({ room_id: roomId } = await alice.client.createRoom({
    name: "Cabinet", preset: "private_chat", invite: [bob.id],
    initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
  }));
  await until("the invitation", () => bob.client.getRoom(roomId)?.getMyMembership() === KnownMembership.Invite);
  await bob.client.joinRoom(roomId);
  await bob.room(roomId);
  await until("alice to see bob in", async () => (await alice.room(roomId)).getMember(bob.id)?.membership === "join");
});

step("they verify each other by SAS", async () => {
  await alice.verifies(bob);
  const status = await until("the verification to show", async () => {
    const s = await alice.crypto.getUserVerificationStatus(bob.id);
    return s.isCrossSigningVerified() ? s : null;
  });
  assert.equal(status.isVerified(), true);
});

step("messages go both ways, encrypted on the server", async () => {
  const sent = await alice.says(roomId, "Réunion à 14 h");
  await bob.reads(roomId, "Réunion à 14 h");
  await bob.says(roomId, "J'y serai");
  await alice.reads(roomId, "J'y serai");
  const kept = await api(server.url, "GET", `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/event/${encodeURIComponent(sent)}`, bob.token);
  assert.equal(kept.type, "m.room.encrypted");
  assert.equal(JSON.stringify(kept).includes("Réunion"), false);
});

step("an encrypted file arrives as it was sent", async () => {
  const bytes = new Uint8Array(70_001).map((_, i) => (i * 7 + (i >> 8)) & 255);
  await alice.sendsFile(roomId, "note.odt", bytes);
  const ev = await bob.reads(roomId, "note.odt");
  assert.deepEqual(await bob.downloads(ev), bytes);
});

step("typing, receipts and unread counts reach the other side", async () => {
  await bob.client.sendTyping(roomId, true, 10_000);
  await until("typing", async () => (await alice.room(roomId)).getMember(bob.id)?.typing);
  const id = await alice.says(roomId, "À lire");
  const ev = await bob.reads(roomId, "À lire");
  await until("the unread mark", async () => (await bob.room(roomId)).getUnreadNotificationCount() > 0);
  await bob.client.sendReadReceipt(ev);
  await until("the receipt", async () => (await alice.room(roomId)).getEventReadUpTo(bob.id) === id);
  await until("the mark to go", async () => (await bob.room(roomId)).getUnreadNotificationCount() === 0);
});

step("a redaction takes the words away on both sides", async () => {
  const id = await alice.says(roomId, "Trop tôt");
  await bob.reads(roomId, "Trop tôt");
  await alice.client.redactEvent(roomId, id);
  await until("the redaction", async () => (await bob.room(roomId)).findEventById(id)?.isRedacted());
});

step("a new device restores the keys and reads the past", async () => {
  await until("the backup to be complete", async () => {
    const info = await api(server.url, "GET", "/_matrix/client/v3/room_keys/version", bob.token);
    return info.count > 0;
  });
  const second = await Person.arrive(server.url, `bob-${run}`, { login: true, recoveryKey: bob.recoveryKey });
  try {
    /* The new device must have seen its own user's public keys before it can match the private ones. */
    await until("bob's public keys", () => second.crypto.userHasCrossSigningKeys(bob.id, true));
    await second.crypto.bootstrapCrossSigning({});
    await second.crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    const restored = await second.crypto.restoreKeyBackup();
    assert.ok(restored.imported > 0, "keys came back");
    await second.room(roomId);
    await second.reads(roomId, "Réunion à 14 h");
    const seen = await until("bob's new device to be trusted", async () => {
      const s = await alice.crypto.getDeviceVerificationStatus(bob.id, second.device);
      return s?.signedByOwner ? s : null;
    });
    assert.equal(seen.isVerified(), true);
  } finally {
    await second.leaves();
  }
  await assert.rejects(api(server.url, "GET", "/_matrix/client/v3/account/whoami", second.token), /M_UNKNOWN_TOKEN/);
});
