// Top right: who is trading, and the list of everybody (TB-201). Switching is one click, without password or reload.
import * as Menu from '@radix-ui/react-dropdown-menu'
import { Link } from 'react-router'
import { usePersona } from '../data/persona'
import { Avatar } from '../parts/Avatar'
import { Skeleton } from '../parts/basics'
import { Icon } from '../parts/Icon'

export function PersonaMenu() {
  const { personas, active, switchTo } = usePersona()
  if (!active) {
    return (
      <span className="persona-trigger" aria-hidden="true">
        <Skeleton width={32} height={32} />
      </span>
    )
  }
  return (
    // Not modal: a modal menu would inject a style element, which the page's own policy forbids.
    <Menu.Root modal={false}>
      <Menu.Trigger className="persona-trigger" aria-label={`Trading as ${active.displayName}. Switch persona`}>
        <Avatar name={active.displayName} url={active.avatarUrl} size={32} />
        <span className="persona-name">{active.displayName}</span>
        <Icon name="chevron" />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content className="menu" align="end" sideOffset={6} collisionPadding={8} aria-label="Personas">
          <Menu.Label className="menu-label">Trade as</Menu.Label>
          <Menu.RadioGroup value={active.userId} onValueChange={switchTo}>
            {personas.map((persona) => (
              <Menu.RadioItem key={persona.userId} value={persona.userId} className="menu-item" textValue={persona.displayName}>
                <Avatar name={persona.displayName} url={persona.avatarUrl} size={32} />
                <span className="menu-item-text">
                  <span className="menu-item-name">{persona.displayName}</span>
                  {persona.bio ? <span className="menu-item-note">{persona.bio}</span> : null}
                </span>
                <Menu.ItemIndicator className="menu-item-mark">
                  <Icon name="check" />
                  <span className="hidden">current</span>
                </Menu.ItemIndicator>
              </Menu.RadioItem>
            ))}
          </Menu.RadioGroup>
          <Menu.Separator className="menu-line" />
          <Menu.Item asChild className="menu-item menu-item-small">
            <Link to="/settings/users">
              <Icon name="settings" /> Manage users
            </Link>
          </Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  )
}
