"""Disclosure control: which cells of the marts are shown, so that nothing about fewer than k people can be worked out.

contributions  what the figures of a mart rest on, loaded from the relations that dbt gives
measures       the numbers of one contribution that figures sum
occasion       one survey wave, review cycle, goal period, month or year of exits, and the decision on its cells
accept         which of the cells on offer are shown
search         the search for combinations of cells that rest on too few people
states         what readers have had of an occasion before, and what follows for a new one
ledger         the record of everything that was ever shown
upgrade        versions published before there was a ledger, read into it
cost           what disclosure control suppresses, and how many changes wait
decisions      all decisions of a run: the way in from dbt

What does not belong here: figures. Models compute them and take the decisions from the table `disclosure_decisions`.
"""
