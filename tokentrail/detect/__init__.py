"""Detection: one pure engine from (state, observation, policy, models) to (verdict, new state)."""
