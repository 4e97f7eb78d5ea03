// Supabase's supabase-js as it comes, one channel; spoken to as benchmarks/talk.py says.

import { createInterface } from "node:readline";
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const conversation = "5511990000001@s.whatsapp.net";
let events = 0;

async function open({ url, key }) {
  const began = performance.now();
  const supabase = createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: ws },
  });
  const where = { schema: "public", table: "messages", filter: `conversation_id=eq.${conversation}` };
  const changed = () => {
    events += 1;
  };
  await new Promise((resolve, reject) =>
    supabase
      .channel(`messages-${conversation}`)
      .on("postgres_changes", { event: "INSERT", ...where }, changed)
      .on("postgres_changes", { event: "UPDATE", ...where }, changed)
      // Only with this its changes come, which is later than SUBSCRIBED.
      .on("system", {}, (said) => said.status === "ok" && resolve())
      .subscribe((status, error) => error && reject(error)),
  );
  return { seconds: (performance.now() - began) / 1000 };
}

createInterface({ input: process.stdin })
  .on("line", async (line) => {
    const command = JSON.parse(line);
    const answer = command.do === "open" ? await open(command) : { events };
    console.log(JSON.stringify(answer));
  })
  .on("close", () => process.exit());
