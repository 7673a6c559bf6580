"""Programs that the benchmark starts: each wants the pictures of one order, in a process of its own.

They share order.py and crew.py and import nothing else of ours, because one of them runs in the virtual
environment of BFL's own client. people.py alone is part of the site.
"""
