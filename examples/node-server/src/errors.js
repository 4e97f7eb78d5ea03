// What is refused, and why: `status` for HTTP, `code` for sockets, `message` for people.

export class Refusal extends Error {
  constructor(status, message, code = "invalid") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// Checks of what strangers send. Each returns the value, or throws a Refusal.

export function object(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Refusal(400, "not an object");
  }
  return value;
}

export function id(value, name) {
  if (typeof value !== "string" || value === "" || value.length > 512) {
    throw new Refusal(400, `${name} is not a text of 1 to 512 characters`);
  }
  return value;
}

export function text(value, name) {
  if (typeof value !== "string") throw new Refusal(400, `${name} is not a text`);
  return value;
}

export function optional(check, value, name) {
  return value === undefined || value === null ? undefined : check(value, name);
}
