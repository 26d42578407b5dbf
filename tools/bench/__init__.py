"""Measure what one request costs: Photon beside its peers, in one run.

`__main__` entry · `_command` options and exit code · `_run` the rounds · `scenarios` the
requests · `_servers` the servers · `_probe` checks responses · `_load` wrk · `_process` start and
stop · `_usage` CPU and memory from /proc · `_peers` the peers' environment · `_floor` the C floor ·
`_results` medians and ratios · `_report` tables and JSON · `_machine` the machine · `errors`
"""
