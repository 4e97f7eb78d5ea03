// A CRM as the contract has it, on the official client: node crm.mjs <url> <transports> <good token> <bad token>
// The provider of the test takes sends. Prints what it saw as one line of JSON.

import { io } from "socket.io-client";

const [url, transports, good, bad] = process.argv.slice(2);
const jid = "5511990000001@s.whatsapp.net";
const seen = {};
const once = (emitter, event) => new Promise((resolve) => emitter.once(event, resolve));
const open = (token) =>
  io(url, {
    path: "/api/ws",
    transports: transports.split(","),
    forceNew: true,
    auth: (answer) => answer({ token, workspaceId: "w-1" }),
  });

const refused = open(bad);
const error = await once(refused, "connect_error");
seen.refused = error.data;
refused.disconnect();

const socket = open(good);
await once(socket, "connect");
seen.subscribed = await socket.emitWithAck("subscribe:conversation", jid);

const entered = Promise.all([once(socket, "message"), once(socket, "conversation")]);
const webhook = {
  event: "messages.upsert",
  instance: "sales-1",
  data: {
    key: { remoteJid: jid, fromMe: false, id: "A1" },
    message: { conversation: "Olá! 👋" },
    messageTimestamp: 1767225601,
  },
};
seen.webhook = (
  await fetch(`${url}/api/webhooks/whatsapp`, { method: "POST", body: JSON.stringify(webhook) })
).status;
const [message, conversation] = await entered;
seen.entered = [message.id, message.content, conversation.lastMessage.content];

const sent = Promise.all([once(socket, "message"), once(socket, "messageSent")]);
const command = { type: "sendMessage", conversationId: jid, content: "Oi", messageId: "c-1" };
socket.emit("sendMessage", { ...command, timestamp: new Date().toISOString() });
const [copy, receipt] = await sent;
seen.sent = [copy.metadata.clientMessageId, copy.status, receipt.messageId === copy.id];

const failed = once(socket, "error");
socket.emit("markAsRead", { type: "markAsRead" });
seen.failed = (await failed).type;
seen.connected = socket.connected;
socket.disconnect();
console.log(JSON.stringify(seen));
