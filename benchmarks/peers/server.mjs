// Node's socket.io as it comes; spoken to as benchmarks/talk.py says.

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { path: "/api/ws/" });

io.on("connection", (socket) => {
  socket.on("subscribe:conversation", (room, acknowledge) => {
    socket.join(room);
    acknowledge({ ok: true });
  });
});

http.listen(0, "127.0.0.1", 4096, () => {
  console.log(JSON.stringify({ port: http.address().port }));
});

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { room, message } = JSON.parse(line);
    io.to(room).emit("message", message);
  })
  .on("close", () => process.exit());
