"""The benchmarks: each runs by itself (`python -m bench.clients`), prints a table and ends with one line of JSON."""
