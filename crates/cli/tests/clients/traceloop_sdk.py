"""traceloop-sdk (OpenLLMetry): decorated workflows with association properties."""

from opentelemetry import trace
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, task, tool, workflow

from seen import Seen

Traceloop.init(app_name="planner", disable_batch=False)
seen = Seen()
trace.get_tracer_provider().add_span_processor(seen)


@tool(name="search")
def search(query):
    trace.get_current_span().add_event("found", {"hits": 3})
    return f"found {query} \U0001f980"


@task(name="fail")
def fail():
    raise ValueError("no answer \u00fc")


@agent(name="planner")
def plan(number):
    found = search(f"question {number}")
    try:
        fail()
    except ValueError:
        pass
    return found


@workflow(name="answer")
def answer(number):
    return plan(number)


for number in range(5):
    Traceloop.set_association_properties({"session_id": f"conv {number}", "user_id": "u"})
    answer(number)
trace.get_tracer_provider().force_flush()
seen.print()
