"""The titles of pages that messages link to, asked for with the manners of a careful guest.

Nothing here is used unless the operator allows it. Whoever writes a link chooses what this server
asks for, so it asks only what anybody on the internet could ask themselves.
"""
