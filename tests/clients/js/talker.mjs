// SPDX-License-Identifier: AGPL-3.0-or-later
// A matrix-js-sdk person driven by lines of JSON on stdin, answering with lines of JSON on stdout:
// {"do":"says","args":[...]} gives {"ok":...} or {"error":"..."}. For conversations with clients in other languages.
import { createInterface } from "node:readline";
import { Person, until } from "./person.mjs";

const [url, name] = process.argv.slice(2);
let me;
const acts = {
  arrive: async () => { me = await Person.arrive(url, name); await me.setUpKeys(); return { id: me.id, device: me.device }; },
  createRoom: async (invite) => (await me.client.createRoom({
    name: "Inter-clients", preset: "private_chat", invite: [invite],
    initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
  })).room_id,
  seesJoined: (roomId, who) => until("the join", async () => (await me.room(roomId)).getMember(who)?.membership === "join"),
  says: (roomId, body) => me.says(roomId, body),
  reads: async (roomId, body) => { const ev = await me.reads(roomId, body); return { sender: ev.getSender(), encrypted: ev.isEncrypted() }; },
  sendsFile: async (roomId, file, base64) => { await me.sendsFile(roomId, file, Buffer.from(base64, "base64")); },
  downloads: async (roomId, body) => Buffer.from(await me.downloads(await me.reads(roomId, body))).toString("base64"),
  leaves: () => me.leaves(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: act, args = [] } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await acts[act](...args)) ?? null };
  } catch (e) {
    answer = { error: String(e.stack ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
  if (act === "leaves") process.exit(0);
}
