// Evaluates requests with an IAM simulator that knows the actions, resource types and condition keys of all services.
//
// Each line of stdin is {"principal": ..., "statements": [...], "trust": {...} or null, "requests": [...]}, with the
// statements of the principal's identity policies and the trust policy of the role in requests to sts:AssumeRole. Each
// line of stdout has one outcome for each request. Policies of other resources count as policies that leave the decision
// to identity policies: all resources are in the account of the principal, and a KMS key has the default key policy.
//
// The simulator takes most of its time to find the resource type of a request. A request is therefore evaluated with the
// statements that name its action only, and the outcome of a request and such statements is kept: of most requests, no
// statement names the action. The first request of a line is evaluated with all statements, so that a statement with a
// mistake is an error.
import { createInterface } from "node:readline";
import { runSimulation } from "@cloud-copilot/iam-simulate";

const accountId = "111122223333";
const Version = "2012-10-17";
const defaultKeyPolicy = {
  Version,
  Statement: [{ Effect: "Allow", Principal: { AWS: `arn:aws:iam::${accountId}:root` }, Action: "kms:*", Resource: "*" }],
};

const kept = new Map();

function keptOutcome({ principal, statements, trust }, request) {
  const policies = { principal, statements: statements.filter((statement) => names(statement, request.action)), trust };
  const key = JSON.stringify([policies, request]);
  if (!kept.has(key)) {
    kept.set(key, outcome(policies, request));
  }
  return kept.get(key);
}

// Returns true if a statement names an action, in any case and with wildcards, or the actions that it is not about.
function names({ Action }, action) {
  const form = (name) => name.replace(/[^*?\w]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return Action === undefined || [Action].flat().some((name) => new RegExp(`^${form(name)}$`, "i").test(action));
}

async function outcome({ principal, statements, trust }, { action, resource, context }) {
  const result = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId }, contextVariables: context },
      identityPolicies: statements.length ? [{ name: "policy", policy: { Version, Statement: statements } }] : [],
      resourcePolicy: trust ?? (action.startsWith("kms:") ? defaultKeyPolicy : undefined),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    { simulationMode: "Strict" },
  );
  return result.resultType === "error" ? result.errors : result.overallResult;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { requests, ...policies } = JSON.parse(line);
  const outcomes = [];
  for (const request of requests) {
    outcomes.push(await (outcomes.length ? keptOutcome : outcome)(policies, request));
  }
  console.log(JSON.stringify(outcomes));
}
