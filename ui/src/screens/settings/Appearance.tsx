import { setPreferences, usePreferences, type ThemeChoice } from '../../data/preferences'
import { Panel, Segmented } from '../../parts/basics'
import { Icon } from '../../parts/Icon'

export default function Appearance() {
  const preferences = usePreferences()
  return (
    <div className="stack stack-narrow">
      <Panel title="Theme">
        <div className="panel-pad setting">
          <p className="setting-text">Light is paper, dark is wood. “System” follows the machine.</p>
          <Segmented<ThemeChoice>
            label="Theme"
            value={preferences.theme}
            onChange={(theme) => setPreferences({ theme })}
            options={[
              {
                value: 'light',
                label: (
                  <>
                    <Icon name="sun" size={14} /> Light
                  </>
                ),
              },
              {
                value: 'dark',
                label: (
                  <>
                    <Icon name="moon" size={14} /> Dark
                  </>
                ),
              },
              {
                value: 'system',
                label: (
                  <>
                    <Icon name="screen" size={14} /> System
                  </>
                ),
              },
            ]}
          />
        </div>
      </Panel>
      <Panel title="Keyboard">
        <div className="panel-pad setting">
          <label className="check">
            <input
              type="checkbox"
              checked={preferences.singleKeys}
              onChange={(event) => setPreferences({ singleKeys: event.target.checked })}
            />
            <span>
              Single-key shortcuts
              <span className="note"> on the Orders screen</span>
            </span>
          </label>
          <dl className="keys">
            <div>
              <dt>
                <kbd>B</kbd>
              </dt>
              <dd>Buy, and to the quantity</dd>
            </div>
            <div>
              <dt>
                <kbd>S</kbd>
              </dt>
              <dd>Sell, and to the quantity</dd>
            </div>
            <div>
              <dt>
                <kbd>↑</kbd> <kbd>↓</kbd>
              </dt>
              <dd>
                One more or less in a number field, ten with <kbd>Shift</kbd>
              </dd>
            </div>
            <div>
              <dt>
                <kbd>Enter</kbd>
              </dt>
              <dd>Submits what was just typed, once</dd>
            </div>
            <div>
              <dt>
                <kbd>Ctrl</kbd> <kbd>Enter</kbd>
              </dt>
              <dd>Submits the ticket from anywhere on the screen, also the same again</dd>
            </div>
          </dl>
        </div>
      </Panel>
      <p className="note">Kept in this browser only.</p>
    </div>
  )
}
