"""The AgentOps SDK: a decorated agent run, as its documentation has it."""

import os

import agentops
from agentops.sdk.decorators import agent, operation, session, tool
from opentelemetry import trace

from seen import Seen

# An account is not asked for where the endpoints are one's own; the key must look like one.
agentops.init(
    api_key="00000000-0000-4000-8000-000000000000",
    auto_start_session=False,
    instrument_llm_calls=False,
    log_level="ERROR",
)
seen = Seen()
trace.get_tracer_provider().add_span_processor(seen)


@tool(cost=0.05)
def search(query):
    span = trace.get_current_span()
    span.set_attribute("gen_ai.usage.prompt_tokens", 12)
    span.add_event("found", {"hits": 3})
    return f"found {query}"


@tool
def fail(query):
    raise ValueError(f"no {query} \U0001f980")


@agent
class Planner:
    @operation
    def work(self, number):
        found = search(f"gr\u00fc\u00dfe {number}")
        try:
            fail("answer")
        except ValueError:
            pass
        return found


@session
def run(number):
    return Planner().work(number)


for number in range(5):
    run(number)
trace.get_tracer_provider().force_flush()
seen.print()
# Its own work at the end of the process asks for an account.
os._exit(0)
