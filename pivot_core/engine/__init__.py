"""The shell around the pure middle: fetches facts, carries out orders, writes records, tells front ends."""
