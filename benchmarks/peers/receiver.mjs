// Node's socket.io-client as it comes, one connection a user; spoken to as benchmarks/talk.py says.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const sockets = []; // live for as long as the program
let events = 0;

const [url, room] = process.argv.slice(2);

async function subscriber() {
  const socket = io(url, { path: "/api/ws/", transports: ["websocket"], forceNew: true });
  sockets.push(socket);
  socket.on("message", () => {
    events += 1;
  });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  await socket.emitWithAck("subscribe:conversation", room);
}

async function connect({ users, at_once: atOnce }) {
  const began = performance.now();
  let left = users;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await subscriber();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { seconds: (performance.now() - began) / 1000 };
}

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line);
    const answer = command.do === "connect" ? await connect(command) : { events };
    console.log(JSON.stringify(answer));
  })
  .on("close", () => process.exit());
