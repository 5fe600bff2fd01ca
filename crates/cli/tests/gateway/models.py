"""Calls models with the SDKs of OpenAI and Anthropic, and prints what they say."""

import json
import os

import anthropic
import openai

said = {}

client = openai.OpenAI(api_key="SECRET-KEY", max_retries=0)
answer = client.chat.completions.create(
    model="gpt-5", messages=[{"role": "user", "content": "PROMPT"}]
)
said["chat"] = [answer.choices[0].message.content, answer.usage.total_tokens]
stream = client.chat.completions.create(
    model="gpt-5",
    messages=[{"role": "user", "content": "PROMPT"}],
    stream=True,
    stream_options={"include_usage": True},
)
chunks = list(stream)
said["chat_stream"] = [len(chunks), chunks[-1].usage.total_tokens]
try:
    client.chat.completions.create(model="none", messages=[])
except openai.NotFoundError as error:
    said["chat_error"] = error.status_code

client = anthropic.Anthropic(api_key="SECRET-KEY", max_retries=0)
messages = [{"role": "user", "content": "PROMPT"}]
answer = client.messages.create(model="claude-sonnet-4-5", max_tokens=64, messages=messages)
said["messages"] = [answer.content[0].name, answer.usage.output_tokens]
with client.messages.stream(model="claude-sonnet-4-5", max_tokens=64, messages=messages) as stream:
    said["messages_stream"] = ["".join(stream.text_stream), stream.get_final_message().usage.output_tokens]

print(json.dumps(said))
