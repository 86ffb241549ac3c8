"""Prices, Spot capacity and reservations of instances, which moto lacks or answers with constants."""
