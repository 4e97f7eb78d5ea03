// What supabase-js makes of the REST interface: prints an object, by the names of the questions.
// Arguments: the project's URL, its API key. The table `things` holds the rows of the tests, and the
// first read of `conversations` fails.
import { createClient } from "@supabase/supabase-js";
import ws from "ws";

const [url, key] = process.argv.slice(2);
const supabase = createClient(url, key, {
  auth: { persistSession: false, autoRefreshToken: false },
  realtime: { transport: ws },
});
const things = () => supabase.from("things");
const read = (columns = "id", options = {}) => things().select(columns, options);
const ids = ({ data, error }) => error ?? data.map((row) => row.id);
const outcome = ({ status, count, data, error }) => ({ status, count, data, error });

const questions = {
  // filters
  eq: async () => ids(await read().eq("size", 3)),
  neq: async () => ids(await read().neq("size", 3)),
  gt: async () => ids(await read().gt("size", 1)),
  gte: async () => ids(await read().gte("size", 1)),
  lt: async () => ids(await read().lt("weight", 0)),
  lte: async () => ids(await read().lte("weight", 1.5)),
  like: async () => ids(await read().like("name", "%l%")),
  likeAllOf: async () => ids(await read().likeAllOf("name", ["o%", "%a"])),
  likeAnyOf: async () => ids(await read().likeAnyOf("name", ["O%", "o%"])),
  ilike: async () => ids(await read().ilike("name", "o%")),
  ilikeAnyOf: async () => ids(await read().ilikeAnyOf("name", ["OLA"])),
  regexMatch: async () => ids(await read().regexMatch("name", "^O")),
  regexIMatch: async () => ids(await read().regexIMatch("name", "^o")),
  isNull: async () => ids(await read().is("name", null)),
  isTrue: async () => ids(await read().is("is_new", true)),
  isDistinct: async () => ids(await read().isDistinct("size", 3)),
  in: async () => ids(await read().in("name", ["100%, a_b", "ola"])),
  notIn: async () => ids(await read().notIn("id", [1, 2])),
  contains: async () => ids(await read().contains("tags", ["a"])),
  containsJson: async () => ids(await read().contains("data", { n: 7 })),
  containedBy: async () => ids(await read().containedBy("tags", ["a", "b", "c"])),
  overlaps: async () => ids(await read().overlaps("tags", ["b", "c"])),
  match: async () => ids(await read().match({ size: 3, is_new: true })),
  not: async () => ids(await read().not("size", "eq", 3)),
  or: async () => ids(await read().or('size.eq.1,and(name.eq."ola",is_new.is.false)')),
  filter: async () => ids(await read().filter("data->>n", "eq", "7")),
  // order, parts, shapes
  order: async () =>
    ids(await read().order("size", { ascending: false, nullsFirst: false }).order("id")),
  limit: async () => ids(await read().order("id").limit(2)),
  range: async () => ids(await read().order("id").range(1, 2)),
  alias: async () => (await read("key:id, data->a->b").eq("id", 4)).data,
  count: async () => outcome(await read("id", { count: "exact" }).limit(1)),
  head: async () => outcome(await read("*", { count: "exact", head: true })),
  pastTheEnd: async () => outcome(await read("id", { count: "exact" }).range(9, 10)),
  single: async () => outcome(await read().eq("id", 1).single()),
  singleOfNone: async () => outcome(await read().eq("id", 9).single()),
  maybeSingle: async () => outcome(await read().eq("id", 1).maybeSingle()),
  maybeSingleOfNone: async () => outcome(await read().eq("id", 9).maybeSingle()),
  maybeSingleOfMany: async () => (await read().maybeSingle()).error.code,
  csv: async () => (await read("id,name").eq("id", 2).csv()).data,
  // errors
  noTable: async () => outcome(await supabase.from("thing").select()),
  noColumn: async () => outcome(await read("x")),
  badValue: async () => outcome(await read().eq("size", "a")),
  retried: async () => outcome(await supabase.from("conversations").select()),
  // writes
  insert: async () => outcome(await things().insert({ id: 50, name: "new" })),
  insertMany: async () => {
    const rows = [{ id: 51, name: "x" }, { id: 52, size: 2 }];
    return outcome(await things().insert(rows).select("id,name,size"));
  },
  duplicate: async () => outcome(await things().insert({ id: 50 })),
  noWrittenColumn: async () => outcome(await things().insert({ x: 1 })),
  upsert: async () =>
    outcome(await things().upsert({ id: 50, size: 9 }).select("id,name,size").single()),
  upsertIgnoring: async () => {
    const rows = [{ id: 50 }, { id: 53 }];
    return outcome(await things().upsert(rows, { ignoreDuplicates: true }).select("id"));
  },
  upsertOn: async () => {
    const row = { name: "x", size: 7 };
    return outcome(await things().upsert(row, { onConflict: "name" }).select("id,size"));
  },
  update: async () => outcome(await things().update({ size: 1 }).eq("id", 50).select("id,size")),
  updateOfAll: async () => (await things().update({ size: 1 })).error,
  delete: async () => outcome(await things().delete({ count: "exact" }).gte("id", 50)),
  foreignRow: async () =>
    (await supabase.from("messages").insert({ workspace_id: "w-2", conversation_id: "c" })).error,
};

const answers = {};
for (const [name, ask] of Object.entries(questions)) {
  try {
    answers[name] = await ask();
  } catch (error) {
    answers[name] = `thrown: ${error.stack}`;
  }
}
console.log(JSON.stringify(answers));
