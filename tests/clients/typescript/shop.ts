// A shop that knows the API by its generated types alone: order, pay, activate, look.
// Run as `node shop.js URL TOKEN PLAN`; prints what the customer gets as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Esim = components["schemas"]["EsimBody"];

const [url, token, plan] = process.argv.slice(2);
const api = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Bearer ${token}` },
});

function sure<T>(answer: { data?: T; error?: { code: string; detail: string } }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no answer");
  return answer.data;
}

async function activate(planId: number): Promise<Esim> {
  const order = sure(
    await api.POST("/api/orders", {
      params: { header: { "idempotency-key": "checkout-1" } },
      body: { plan_id: planId, currency: "USD" },
    }),
  );
  const major: string = order.amount_major;
  if (major !== "10.00") throw new Error(major);
  const payment = sure(await api.POST("/api/payments/create", { body: { order_id: order.id } }));
  const report = { provider: "MOCK", intent_id: payment.intent_id, status: "succeeded" } as const;
  sure(await api.POST("/api/payments/webhook", { body: report }));
  const esim = sure(
    await api.POST("/api/esims/activate", {
      params: { header: { prefer: "wait=20" } },
      body: { order_id: order.id },
    }),
  );
  // 200 and 202 are told apart by the body: without this line the next does not compile.
  if (esim.kind !== "esim") throw new Error(`still ${esim.status}: ${esim.links.self}`);
  return esim;
}

async function look(esim: Esim): Promise<void> {
  const activation = sure(
    await api.GET("/api/activations/{order_id}", {
      params: { path: { order_id: esim.order_id } },
    }),
  );
  if (activation.status !== esim.status) throw new Error(activation.status);
  const missing = await api.GET("/api/esims/{esim_id}", { params: { path: { esim_id: 123456789 } } });
  if (missing.error?.code !== "esim-not-found") throw new Error("expected a problem");
}

const esim = await activate(Number(plan));
await look(esim);
console.log(JSON.stringify(esim));
