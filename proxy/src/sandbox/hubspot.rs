//! A stateful `HubSpot`.
