"""The story of the sample law firm: who belongs to it, and what happens there. Pure.

`people` are its clients, `cast` its campaigns and agents; `month` tells the last thirty days, `rounds` what is played live. Both
are made of `scenes`, in which the words of `lines` are spoken.
"""

INBOX_TOKENS = "sample-"  # what the tokens of the sample firm's inboxes begin with
EVENT_IDS = "sample_"  # and the ids of its events
CLIENTS = "sample"  # the system that its clients come from
