export * from "../base/plan.ts";
